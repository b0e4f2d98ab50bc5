/** The English texts of the pages before and after the consent. */
import type { FinalStateName } from '../../workflows/view';
import type { AnswerCode } from '../../client/http/codes';

/** The states with a text of their own. All other states have the text `unfinished`. */
type Outcome = FinalStateName | 'awaitingAuthorization' | 'verifyingAuthorization';

/** Errors for users, by the code of the answer. The texts of problem documents are for programmers. */
const troubles: Troubles = {
  notNow: 'This step is not possible at the moment.',
  closed: 'This connection attempt has already ended.',
  tokenExpired: 'Your session has expired.',
  unauthorized: 'Your session is not valid.',
  originNotAllowed: 'Your session belongs to another website.',
  notFound: 'This page does not exist.',
  rateLimited: 'Too many attempts. Wait a minute, then try again.',
  cyclrUnavailable: 'The connection service can’t be reached at the moment. Try again later.',
};

export const en = {
  tag: 'en',
  goingOut: (name?: string) => (name === undefined ? 'Opening the sign-in page …' : `Taking you to ${name} …`),
  slow: 'This takes longer than usual. Keep this window open: it continues by itself.',
  forAccount: (account: string) => `For ${account}.`,
  goOn: 'Continue',
  theConnector: 'The app',
  unfinished: (name: string) => `${name} is not connected yet`,
  outcomes: {
    awaitingAuthorization: (name) => `${name} is not connected: try again`,
    verifyingAuthorization: (name) => `${name} is being checked …`,
    authenticated: (name) => `${name} is connected`,
    expired: (name) => `${name} was not connected in time`,
    cancelled: (name) => `Connecting ${name} was cancelled`,
    failed: (name) => `${name} could not be connected`,
    unsupported: (name) => `${name} can’t be connected here`,
  } satisfies Record<Outcome, (name: string) => string>,
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
  trouble: (code: AnswerCode): string => troubles[code] ?? 'This does not work at the moment. Try again later.',
  connect: 'Connect your apps',
  loading: 'Loading …',
  noScript: 'This page needs JavaScript.',
  links: { support: 'Support', privacy: 'Privacy', terms: 'Terms of use' },
};

export type PageWords = typeof en;

export type Troubles = { [code in AnswerCode]?: string };
