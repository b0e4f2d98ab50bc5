import type { Page } from 'playwright-core';
import type { AnswerCode } from '../../client/http/codes';
import type { Prefill } from '../../client/http/shapes';
import type { View } from '../../workflows/messages';

/** The fake answer to a call of the page: the code of a problem, a body, or no answer. */
export type Reply = 'never' | 'unreachable' | { code: AnswerCode } | { body: unknown };

/** A page state: one appearance of a page. */
export interface Look {
  name: string;
  /** A text that the page shows in this page state. */
  shows: string;
  views?: View[];
  /** Members of the answer to `GET /v1/session`. */
  session?: { accountLabel?: string; returnTo?: string; reauthenticate?: number[]; prefill?: Prefill };
  /** The kind of the token in the link. The default is a session. */
  link?: 'session' | 'invitation' | 'nothing';
  /** The fake answers that replace the usual answers of the service. Each key is a call, such as `GET /events`. */
  replies?: { [call: string]: Reply };
  /** True if the service is configured with a brand. */
  branded?: boolean;
  /** Runs before the page is loaded. */
  before?: (page: Page) => Promise<unknown>;
  /** The actions of the user. */
  act?: (page: Page) => Promise<unknown>;
  /** The page that is shown. The default is the connect page. */
  of?: 'going' | 'return' | 'return in the same tab' | 'return without an attempt' | 'refused';
}
