import type { PageWords, Troubles } from './en';

const troubles: Troubles = {
  notNow: 'Dieser Schritt ist gerade nicht möglich.',
  closed: 'Dieser Verbindungsversuch ist bereits beendet.',
  tokenExpired: 'Ihre Sitzung ist abgelaufen.',
  unauthorized: 'Ihre Sitzung ist nicht gültig.',
  originNotAllowed: 'Ihre Sitzung gehört zu einer anderen Website.',
  notFound: 'Diese Seite gibt es nicht.',
  rateLimited: 'Zu viele Versuche. Warten Sie eine Minute, und versuchen Sie es dann noch einmal.',
  cyclrUnavailable: 'Der Verbindungsdienst ist gerade nicht erreichbar. Versuchen Sie es später noch einmal.',
};

export const de: PageWords = {
  tag: 'de',
  goingOut: (name) => (name === undefined ? 'Die Anmeldeseite wird geöffnet …' : `Sie werden zu ${name} gebracht …`),
  slow: 'Das dauert länger als sonst. Lassen Sie dieses Fenster offen: Es geht von selbst weiter.',
  forAccount: (account) => `Für ${account}.`,
  goOn: 'Weiter',
  theConnector: 'Die App',
  unfinished: (name) => `${name} ist noch nicht verbunden`,
  outcomes: {
    awaitingAuthorization: (name) => `${name} ist nicht verbunden: Versuchen Sie es noch einmal`,
    verifyingAuthorization: (name) => `${name} wird geprüft …`,
    authenticated: (name) => `${name} ist verbunden`,
    expired: (name) => `${name} wurde nicht rechtzeitig verbunden`,
    cancelled: (name) => `Das Verbinden von ${name} wurde abgebrochen`,
    failed: (name) => `${name} konnte nicht verbunden werden`,
    unsupported: (name) => `${name} kann hier nicht verbunden werden`,
  },
  closeWindow: 'Sie können dieses Fenster schließen.',
  close: 'Dieses Fenster schließen',
  retry: 'Noch einmal versuchen',
  stay: 'Das dauert bis zu einer halben Minute.',
  goBack: 'Gehen Sie zurück zu der Seite, auf der Sie begonnen haben.',
  back: 'Zurück',
  nothing: 'Hier gibt es nichts zu sehen',
  whereFrom: 'Gehen Sie zurück zu der Seite, auf der Sie begonnen haben.',
  tryAgain: 'Schließen Sie dieses Fenster, und versuchen Sie es auf der Seite noch einmal, auf der Sie begonnen haben.',
  hiddenOrigin:
    'Ihr Browser hat nicht mitgeteilt, von welcher Website Sie kommen: Deren Referrer-Policy verbietet es. Sagen Sie das dem Betreiber der Website.',
  trouble: (code) => troubles[code] ?? 'Das ist gerade nicht möglich. Versuchen Sie es später noch einmal.',
  connect: 'Apps verbinden',
  loading: 'Wird geladen …',
  noScript: 'Diese Seite braucht JavaScript.',
  links: { support: 'Hilfe', privacy: 'Datenschutz', terms: 'Nutzungsbedingungen' },
};
