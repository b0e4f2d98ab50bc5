/** Texts of the pages before and after the consent, in each language. */
import type { StateName } from '../workflows/view';
import type { AnswerCode } from '../client/http/codes';

/** Errors for users. The texts of problem documents are for programmers. */
const troubles = {
  en: {
    notNow: 'This step is not possible at the moment.',
    closed: 'This connection attempt has already ended.',
    tokenExpired: 'Your session has expired.',
    unauthorized: 'Your session is not valid.',
    originNotAllowed: 'Your session belongs to another website.',
    notFound: 'This page does not exist.',
    rateLimited: 'Too many attempts. Wait a minute, then try again.',
    cyclrUnavailable: 'The connection service can’t be reached at the moment. Try again later.',
  },
  de: {
    notNow: 'Dieser Schritt ist gerade nicht möglich.',
    closed: 'Dieser Verbindungsversuch ist bereits beendet.',
    tokenExpired: 'Ihre Sitzung ist abgelaufen.',
    unauthorized: 'Ihre Sitzung ist nicht gültig.',
    originNotAllowed: 'Ihre Sitzung gehört zu einer anderen Website.',
    notFound: 'Diese Seite gibt es nicht.',
    rateLimited: 'Zu viele Versuche. Warten Sie eine Minute, und versuchen Sie es dann noch einmal.',
    cyclrUnavailable: 'Der Verbindungsdienst ist gerade nicht erreichbar. Versuchen Sie es später noch einmal.',
  },
} satisfies { [language: string]: { [code in AnswerCode]?: string } };

const textFor = (words: { [code in AnswerCode]?: string }, code: AnswerCode): string | undefined => words[code];

const unfinished = (name: string) => `${name} is not connected yet`;

const en = {
  tag: 'en',
  goingOut: (name?: string) => (name === undefined ? 'Opening the sign-in page …' : `Taking you to ${name} …`),
  slow: 'This takes longer than usual. Keep this window open: it continues by itself.',
  forAccount: (account: string) => `For ${account}.`,
  goOn: 'Continue',
  theConnector: 'The connector',
  outcomes: {
    fetchingConnector: unfinished,
    awaitingProperties: unfinished,
    applyingProperties: unfinished,
    awaitingCredentials: unfinished,
    applyingCredentials: unfinished,
    awaitingAuthorization: (name) => `${name} is not connected: try again`,
    verifyingAuthorization: (name) => `${name} is being checked …`,
    authenticated: (name) => `${name} is connected`,
    expired: (name) => `${name} was not connected in time`,
    cancelled: (name) => `Connecting ${name} was cancelled`,
    failed: (name) => `${name} could not be connected`,
    unsupported: (name) => `${name} can’t be connected here`,
  } satisfies Record<StateName, (name: string) => string>,
  closeWindow: 'You can close this window.',
  close: 'Close this window',
  retry: 'Try again',
  stay: 'This takes up to half a minute.',
  goBack: 'Go back to the page where you started.',
  back: 'Back',
  nothing: 'This page has nothing to show',
  whereFrom: 'Go back to the page where you started.',
  tryAgain: 'Close this window, and try again on the page where you started.',
  hiddenOrigin:
    'Your browser did not tell which website you come from: the referrer policy of that website forbids it. Tell its operator.',
  trouble: (code: AnswerCode): string =>
    textFor(troubles.en, code) ?? 'This does not work at the moment. Try again later.',
  connect: 'Connect your apps',
  loading: 'Loading …',
  noScript: 'This page needs JavaScript.',
  links: { support: 'Support', privacy: 'Privacy', terms: 'Terms of use' },
};

export type PageWords = typeof en;

const unfinishedDe = (name: string) => `${name} ist noch nicht verbunden`;

const de: PageWords = {
  tag: 'de',
  goingOut: (name) => (name === undefined ? 'Die Anmeldeseite wird geöffnet …' : `Sie werden zu ${name} gebracht …`),
  slow: 'Das dauert länger als sonst. Lassen Sie dieses Fenster offen: Es geht von selbst weiter.',
  forAccount: (account) => `Für ${account}.`,
  goOn: 'Weiter',
  theConnector: 'Die App',
  outcomes: {
    fetchingConnector: unfinishedDe,
    awaitingProperties: unfinishedDe,
    applyingProperties: unfinishedDe,
    awaitingCredentials: unfinishedDe,
    applyingCredentials: unfinishedDe,
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
  trouble: (code) => textFor(troubles.de, code) ?? 'Das ist gerade nicht möglich. Versuchen Sie es später noch einmal.',
  connect: 'Apps verbinden',
  loading: 'Wird geladen …',
  noScript: 'Diese Seite braucht JavaScript.',
  links: { support: 'Hilfe', privacy: 'Datenschutz', terms: 'Nutzungsbedingungen' },
};

const languages: { [tag: string]: PageWords } = { en, de };

/** The texts for a language tag or an Accept-Language header; English if no language is known. */
export function wordsFor(accepted = ''): PageWords {
  const weighed = accepted.split(',').map((item) => {
    const [tag = '', quality = ''] = item.trim().split(';');
    return { base: tag.split('-')[0]!.toLowerCase(), weight: Number(/q=([\d.]+)/.exec(quality)?.[1] ?? 1) };
  });
  const known = weighed.filter(({ base }) => Object.hasOwn(languages, base)).sort((a, b) => b.weight - a.weight);
  return languages[known[0]?.base ?? 'en']!;
}
