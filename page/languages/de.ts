import type { Messages } from './en';

export const de: Messages = {
  tag: 'de',
  direction: 'ltr',

  title: 'Apps verbinden',
  forAccount: (account) => `Für ${account}`,
  loading: 'Wird geladen …',
  progress: (done, total) => `${done} von ${total} verbunden`,
  list: 'Zu verbindende Apps',
  chips: {
    refresh: 'Funktioniert: zum Auffrischen neu anmelden',
    todo: 'Offen',
    refused: 'Nicht angenommen',
    working: 'Wird geprüft …',
    verifying: (name) => `Warten auf ${name}`,
    retrying: 'Wir versuchen es weiter',
    connected: 'Verbunden',
    byPartner: (brand) => (brand ? `${brand} richtet es für Sie ein` : 'Wird für Sie eingerichtet'),
    expired: 'Die Zeit ist um',
    support: 'Braucht Hilfe',
  },
  groups: { todo: 'Ihre nächsten Schritte', underWay: 'In Arbeit', connected: 'Verbunden', support: 'Braucht Hilfe' },
  step: (at, of) => `Schritt ${at} von ${of}`,
  filter: 'App suchen',
  noMatch: 'Keine App hat diesen Namen.',

  invitation: {
    title: 'Willkommen',
    text: (brand, count) =>
      `${brand ? `${brand} bittet Sie` : 'Sie wurden gebeten'}, Ihre Apps${count ? ` (${count})` : ''} zu verbinden. Das dauert wenige Minuten. Sie können jederzeit unterbrechen und später weitermachen.`,
    begin: 'Los geht’s',
  },
  ends: {
    expired: {
      title: 'Diese Sitzung ist beendet',
      text: 'Es ist nichts verloren. Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen, und machen Sie weiter.',
      lost: 'Ihre letzten Eingaben wurden nicht gesendet. Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen, und geben Sie sie noch einmal ein. Alles davor ist gespeichert.',
    },
    lapsed: { title: 'Dieser Link ist abgelaufen', text: 'Sie brauchen einen neuen Link.' },
    finished: {
      title: 'Dieser Link wird nicht mehr gebraucht',
      text: 'Die Apps sind verbunden, oder die Anfrage wurde zurückgezogen. Sie können diese Seite schließen.',
    },
    incomplete: {
      title: 'Dieser Link ist unvollständig',
      text: 'Öffnen Sie ihn noch einmal von dort, wo Sie ihn bekommen haben, oder kopieren Sie ihn ganz.',
    },
    insecure: {
      title: 'Diese Verbindung ist nicht sicher',
      text: 'Öffnen Sie diese Seite mit https://, damit Ihre Eingaben geschützt werden können.',
    },
    empty: {
      title: 'Es gibt nichts zu verbinden',
      text: 'Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen.',
    },
  },
  goBack: 'Zurück',
  away: {
    offline: 'Ihr Gerät ist offline. Sobald es wieder online ist, geht es von selbst weiter.',
    unreachable: 'Im Moment keine Verbindung. Sobald es wieder eine gibt, geht es von selbst weiter.',
    busy: 'Der Dienst kann gerade nicht weitermachen. Sobald er es kann, geht es von selbst weiter.',
  },
  tryNow: 'Jetzt versuchen',

  optional: 'freiwillig',
  optionalSettings: (count) => `Weitere Einstellungen (${count})`,
  locked: 'Für Sie festgelegt. Hier nicht änderbar.',
  stored: 'Bereits gesetzt. Leer lassen, um es zu behalten.',
  keep: 'Wie bisher',
  choose: 'Bitte wählen …',
  none: 'Nicht gesetzt',
  other: 'Anderer Wert …',
  otherValue: (label) => `${label}: anderer Wert`,
  show: 'Zeigen',
  hide: 'Verbergen',
  showValue: (label) => `${label} zeigen`,
  hideValue: (label) => `${label} verbergen`,
  whereToFind: 'Wo finde ich das?',
  waitsUntil: (date) => `Sie haben dafür bis ${date} Zeit.`,
  sealedNote: 'Ihre Eingaben werden auf diesem Gerät verschlüsselt, bevor sie gesendet werden.',
  works: 'Diese Verbindung funktioniert: Melden Sie sich neu an, um sie aufzufrischen.',
  reconnect: 'Neu verbinden',
  overwrites: 'Ihre Eingaben ersetzen, was bisher gespeichert war.',
  signsInAnew: 'Eine neue Anmeldung ersetzt die bisherige Verbindung.',
  sending: 'Wird geprüft …',
  emptied: 'Dieses Feld wurde zu Ihrer Sicherheit geleert. Füllen Sie es noch einmal aus.',
  slow: 'Das dauert länger als sonst. Ihre Eingaben sind sicher, und wir versuchen es weiter.',
  slowToRead: 'Das dauert länger als sonst. Wir versuchen es weiter.',

  panels: {
    reading: { title: (name) => `${name} verbinden`, text: 'Wird vorbereitet. Das dauert ein paar Sekunden.' },
    properties: { title: (name) => `${name} verbinden`, text: 'Zuerst ein paar Angaben.', submit: 'Weiter' },
    apiKey: {
      title: (name) => `${name} verbinden`,
      text: (name) => `Geben Sie Ihren API-Schlüssel von ${name} ein.`,
      label: 'API-Schlüssel',
      submit: 'Verbinden',
    },
    basic: {
      title: (name) => `${name} verbinden`,
      text: (name) => `Geben Sie Ihre Zugangsdaten von ${name} ein.`,
      username: 'Benutzername',
      password: 'Passwort',
      noPassword: 'Es gibt kein Passwort',
      submit: 'Verbinden',
    },
    tokens: {
      title: (name) => `${name} verbinden`,
      text: (name, brand) =>
        `Sie müssen nichts tun: ${brand ?? 'Die Firma, von der Sie diesen Link haben,'} verbindet ${name} für Sie.`,
    },
    consent: {
      title: (name) => `${name} verbinden`,
      text: (name) =>
        `Sie melden sich in einem neuen Fenster bei ${name} an und erlauben den Zugriff. Kommen Sie dann hierher zurück.`,
      open: (name) => `Zu ${name}`,
      openAgain: 'Noch einmal öffnen',
      opened: (name) => `Machen Sie im Fenster von ${name} weiter. Hier geht es danach von selbst weiter.`,
      closed: 'Das Fenster wurde geschlossen. Sind Sie dort fertig geworden?',
      inApp: (name) =>
        `Dieser Browser gehört zu einer anderen App und öffnet keine Fenster. Melden Sie sich in diesem Tab bei ${name} an, und kommen Sie dann hierher zurück.`,
      finished: 'Ich bin dort fertig',
      blocked: 'Ihr Browser hat das Fenster blockiert.',
      here: 'In diesem Tab weitermachen',
    },
    applying: {
      title: (name) => `${name} verbinden`,
      text: 'Ihre Eingaben werden geprüft. Das dauert ein paar Sekunden.',
    },
    verifying: {
      title: (name) => `${name} verbinden`,
      text: (name) => `Wir fragen nach, ob ${name} den Zugriff erlaubt hat. Das dauert bis zu einer halben Minute.`,
      notYet: (name) =>
        `Noch nicht: ${name} meldet den Zugriff noch nicht. Wir fragen noch einige Sekunden lang nach. Wenn Sie abgelehnt haben, können Sie noch einmal dorthin gehen.`,
    },
    connected: {
      title: (name) => `${name} ist verbunden`,
      text: 'Fertig. Hier ist nichts mehr zu tun.',
      unproven:
        'Ihre bisherige Verbindung funktioniert, aber die App teilt uns nicht mit, ob die neue Anmeldung sie ersetzt hat.',
      notRefreshed: 'Die neue Anmeldung wurde nicht abgeschlossen. Ihre bisherige Verbindung funktioniert weiter.',
    },
    expired: {
      title: (name) => `${name} wurde nicht rechtzeitig verbunden`,
      text: 'Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen, um neu zu beginnen.',
      textHere: 'Sie können hier neu beginnen.',
    },
    cancelled: {
      title: (name) => `Das Verbinden von ${name} wurde abgebrochen`,
      text: 'Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen, um neu zu beginnen.',
    },
    failed: {
      title: (name) => `${name} konnte nicht verbunden werden`,
      text: 'Das liegt nicht an Ihnen.',
    },
    unsupported: {
      title: (name) => `${name} kann hier nicht verbunden werden`,
      text: 'Diese Seite unterstützt die Anmeldung dieser App nicht.',
    },
  },
  help: (brand) => `Hilfe bekommen Sie bei ${brand ?? 'der Firma, von der Sie diesen Link haben'}.`,
  confirmed: (when) => `Zuletzt bestätigt: ${when}.`,
  stalled: (name) =>
    `${name} ist gerade nicht erreichbar. Das liegt nicht an Ihnen, und wir versuchen es weiter. Sie können diese Seite schließen und später wiederkommen.`,
  startAgain: 'Neu beginnen',
  appNumber: (id) => `App ${id}`,
  next: (name) => `Weiter mit ${name}`,
  toOverview: 'Übersicht',
  later: 'Später',
  finish: 'Fertig',
  done: {
    title: 'Alles ist verbunden',
    partly: 'Mehr können Sie hier nicht tun',
    text: 'Sie können diese Seite schließen.',
    textPartly: 'Manche Apps konnten nicht verbunden werden.',
  },

  problems: {
    malformed: 'Das sieht nicht richtig aus. Bitte prüfen Sie es.',
    notNow: 'Dieser Schritt ist schon vorbei. Hier sehen Sie, wie es steht.',
    notSealed: 'Auf dieser Seite ist etwas schiefgegangen. Laden Sie sie neu und versuchen Sie es noch einmal.',
    notOpenable: 'Das ließ sich bei der Ankunft nicht lesen. Bitte geben Sie es noch einmal ein.',
    wrongKind: 'Hier wird etwas anderes gebraucht. Bitte prüfen Sie es.',
    unknownProperty: 'Eine dieser Einstellungen gibt es nicht mehr. Laden Sie diese Seite neu.',
    colon:
      'Ein Benutzername kann keinen Doppelpunkt enthalten. Wenn Sie „Name:Passwort“ bekommen haben, tragen Sie die beiden Teile in die beiden Felder ein.',
    notFound: (name) =>
      `${name} kann hier nicht mehr verbunden werden: Die Anfrage wurde entfernt. Öffnen Sie diese Seite noch einmal von dort, wo Sie herkamen.`,
    missingProperty: 'Bitte ausfüllen.',
    refused: (name) => `${name} hat das nicht angenommen. Bitte prüfen Sie es und geben Sie es noch einmal ein.`,
    notAuthorized:
      'Noch kein Zugriff. Versuchen Sie es noch einmal, und erlauben Sie den Zugriff, wenn Sie gefragt werden.',
    cyclrUnavailable:
      'Die Gegenseite war nicht erreichbar, deshalb wurde das nicht geprüft. An Ihren Eingaben liegt es nicht: Bitte geben Sie es noch einmal ein.',
  },
  keyRefused: (name) =>
    `${name} hat diesen Schlüssel nicht angenommen. Bitte prüfen Sie ihn und geben Sie ihn noch einmal ein.`,
  otherProblem: 'Das hat nicht geklappt. Bitte versuchen Sie es noch einmal.',
};
