import type { Page } from 'playwright-core';
import type { AnswerCode } from '../../client/http/codes';
import type { View } from '../../workflows/messages';

/** What a call of the page gets: a problem's code, an answer, or none. */
export type Reply = 'never' | 'unreachable' | { code: AnswerCode } | { body: unknown };

/** One way that a page can look. */
export interface Look {
  name: string;
  /** What can be read once it looks so. */
  shows: string;
  views?: View[];
  /** Of the session's answer. */
  session?: { accountLabel?: string; returnTo?: string };
  /** What the link holds: a session by default. */
  link?: 'session' | 'invitation' | 'nothing';
  /** The replies to calls such as `GET /events`, where they are not the usual ones. */
  replies?: { [call: string]: Reply };
  /** Whether the service has a brand. */
  branded?: boolean;
  /** Done before the page is there. */
  before?: (page: Page) => Promise<unknown>;
  /** What its user does. */
  act?: (page: Page) => Promise<unknown>;
  /** The page that it is of: the connect page by default. */
  of?: 'going' | 'return' | 'return in the same tab' | 'return of nobody' | 'refused';
}
