/** What the pages say that a browser sees on its way out and back. */
import type { StateName } from '../workflows/messages';
import type { AnswerCode } from '../client/http/codes';

/** Not the words of the problem documents: those are for whoever wrote the caller. */
const troubles = {
  en: {
    notNow: 'This is not waited for at the moment.',
    closed: 'This is over already.',
    tokenExpired: 'This session has ended.',
    unauthorized: 'This session is not known here.',
    originNotAllowed: 'This session is for another site.',
    notFound: 'There is nothing here.',
    rateLimited: 'Too many tries at once. Wait a minute.',
    cyclrUnavailable: 'The other side can’t be reached right now.',
  },
  de: {
    notNow: 'Darauf wird gerade nicht gewartet.',
    closed: 'Das ist schon beendet.',
    tokenExpired: 'Die Sitzung ist abgelaufen.',
    unauthorized: 'Die Sitzung ist hier nicht bekannt.',
    originNotAllowed: 'Diese Sitzung ist für eine andere Website.',
    notFound: 'Hier gibt es nichts.',
    rateLimited: 'Zu viele Versuche auf einmal. Warten Sie eine Minute.',
    cyclrUnavailable: 'Die Gegenseite ist gerade nicht erreichbar.',
  },
} satisfies { [language: string]: { [code in AnswerCode]?: string } };

const said = (words: { [code in AnswerCode]?: string }, code: AnswerCode): string | undefined => words[code];

const unfinished = (name: string) => `${name} is not connected yet`;

const en = {
  tag: 'en',
  goingOut: 'Taking you there …',
  forAccount: (account: string) => `For ${account}.`,
  goOn: 'Go on',
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
    unsupported: (name) => `${name} can not be connected here`,
  } satisfies Record<StateName, (name: string) => string>,
  closeWindow: 'You can close this window.',
  goBack: 'Go back to the page where you began.',
  back: 'Back',
  nothing: 'This page has nothing to show',
  whereFrom: 'Go back to where you came from.',
  tryAgain: 'Close this window, and try again from where you came.',
  hiddenOrigin:
    'The page that you came from does not say which site it is: its referrer policy keeps that back. Tell whoever runs it.',
  trouble: (code: AnswerCode): string => said(troubles.en, code) ?? 'That does not work right now.',
  noScript: 'This page needs JavaScript.',
};

export type PageWords = typeof en;

const nochNicht = (name: string) => `${name} ist noch nicht verbunden`;

const de: PageWords = {
  tag: 'de',
  goingOut: 'Sie werden weitergeleitet …',
  forAccount: (account) => `Für ${account}.`,
  goOn: 'Weiter',
  theConnector: 'Die App',
  outcomes: {
    fetchingConnector: nochNicht,
    awaitingProperties: nochNicht,
    applyingProperties: nochNicht,
    awaitingCredentials: nochNicht,
    applyingCredentials: nochNicht,
    awaitingAuthorization: (name) => `${name} ist nicht verbunden: Versuchen Sie es noch einmal`,
    verifyingAuthorization: (name) => `${name} wird geprüft …`,
    authenticated: (name) => `${name} ist verbunden`,
    expired: (name) => `${name} wurde nicht rechtzeitig verbunden`,
    cancelled: (name) => `Das Verbinden von ${name} wurde abgebrochen`,
    failed: (name) => `${name} konnte nicht verbunden werden`,
    unsupported: (name) => `${name} kann hier nicht verbunden werden`,
  },
  closeWindow: 'Sie können dieses Fenster schließen.',
  goBack: 'Gehen Sie zurück zu der Seite, auf der Sie begonnen haben.',
  back: 'Zurück',
  nothing: 'Hier gibt es nichts zu sehen',
  whereFrom: 'Gehen Sie dorthin zurück, wo Sie herkamen.',
  tryAgain: 'Schließen Sie dieses Fenster, und versuchen Sie es noch einmal von dort, wo Sie herkamen.',
  hiddenOrigin:
    'Die Seite, von der Sie kamen, sagt nicht, welche Website sie ist: ihre Referrer-Policy hält das zurück. Sagen Sie es denen, die sie betreiben.',
  trouble: (code) => said(troubles.de, code) ?? 'Das geht gerade nicht.',
  noScript: 'Diese Seite braucht JavaScript.',
};

const languages: { [tag: string]: PageWords } = { en, de };

/** The words of the first of these languages that there is: a language tag, or what a browser sends as Accept-Language. */
export function wordsFor(accepted = ''): PageWords {
  const weighed = accepted.split(',').map((item) => {
    const [tag = '', quality = ''] = item.trim().split(';');
    return { base: tag.split('-')[0]!.toLowerCase(), weight: Number(/q=([\d.]+)/.exec(quality)?.[1] ?? 1) };
  });
  const known = weighed.filter(({ base }) => Object.hasOwn(languages, base)).sort((a, b) => b.weight - a.weight);
  return languages[known[0]?.base ?? 'en']!;
}
