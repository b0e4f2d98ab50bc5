/**
 * Signs an event as the Standard Webhooks specification describes (https://www.standardwebhooks.com), and posts it to
 * one target.
 */
import type { Readable } from 'node:stream';
import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import axios from 'axios';
import { Webhook } from 'standardwebhooks';
import type { EventBody } from '../../workflows/events';
import { postRetry, type Post, type PostFailureType } from '../../workflows/ports';
import { retryAfterMsOf } from '../cyclr/errors';
import { proxyOf } from '../cyclr/http';
import { targetNamed, type Target, type Targets } from './targets';

/** The time limit of one post, from the request to the headers of the answer. */
const ANSWER_MS = 15_000;
/**
 * The worker reads an answer of at most this size to its end, so that it can use the connection again. The worker
 * closes the connection of a larger answer.
 */
const MAX_ANSWER_BYTES = 4_096;
const GONE = 410;

/** Posts an event. Fails with a {@link PostFailureType} if the target does not answer with 2xx. */
export async function postEvent(targets: Targets, { target: name, body }: Post): Promise<void> {
  const target = targetNamed(targets, name);
  if (!target) throw failureOf('UnknownTarget', `This worker has no target "${name}"`);
  const { status, retryAfter, code } = await post(target, body);
  if (status === undefined) throw failureOf('NotTaken', `Target "${name}" did not answer (${code})`);
  if (status >= 200 && status < 300) return;
  const message = `Target "${name}" answered ${status}`;
  if (status === GONE) throw failureOf('Gone', message);
  throw failureOf('NotTaken', message, pauseOf(retryAfter));
}

/** The status of the answer, or the code of the error if no answer came in time. */
type Answer =
  | { status: number; retryAfter: unknown; code?: undefined }
  | { status?: undefined; retryAfter?: undefined; code: string };

/** Sends one request, without redirect and retry. */
async function post({ url, secrets }: Target, body: EventBody): Promise<Answer> {
  const text = JSON.stringify(body);
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(), ANSWER_MS);
  try {
    const { status, headers, data } = await axios.post<Readable>(url, Buffer.from(text), {
      ...proxyOf(url),
      headers: headersOf(body.data.id, text, secrets),
      maxRedirects: 0,
      responseType: 'stream',
      decompress: false,
      validateStatus: () => true,
      signal: stop.signal,
    });
    discard(data);
    return { status, retryAfter: headers['retry-after'] };
  } catch (err) {
    // An axios error holds the address, the body and the signature, so only its code leaves this function.
    return { code: stop.signal.aborted ? 'timeout' : (axios.isAxiosError(err) && err.code) || 'unknown' };
  } finally {
    clearTimeout(limit);
  }
}

function headersOf(id: string, text: string, secrets: readonly string[]): { [name: string]: string } {
  const now = new Date();
  return {
    'Content-Type': 'application/json',
    'User-Agent': 'cyclr-connect',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, text)).join(' '),
  };
}

/** Reads a short answer to its end, in the background. Ends the connection of a long, slow or broken answer. */
function discard(answer: Readable): void {
  let size = 0;
  answer.on('data', ({ length }: Buffer) => {
    size += length;
    if (size > MAX_ANSWER_BYTES) answer.destroy();
  });
  const limit = setTimeout(() => answer.destroy(), ANSWER_MS).unref();
  answer.on('error', () => undefined); // an error in the body of the answer is ignored, because only the status is used
  answer.on('close', () => clearTimeout(limit));
}

/**
 * The pause after an answer with `Retry-After`, in milliseconds. The pause is never shorter than the usual pause before
 * a retry. `undefined` without a valid `Retry-After`.
 */
function pauseOf(retryAfter: unknown): number | undefined {
  const { initialInterval, backoffCoefficient, maximumInterval } = postRetry;
  const growing = Math.min(initialInterval * backoffCoefficient ** (activityInfo().attempt - 1), maximumInterval);
  const asked = retryAfterMsOf(retryAfter);
  return asked && Math.max(asked, growing);
}

const failureOf = (type: PostFailureType, message: string, nextRetryDelay?: number): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message,
    nonRetryable: type === 'Gone',
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
  });
