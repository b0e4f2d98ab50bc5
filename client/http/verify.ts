/** Verifies received events as the Standard Webhooks specification describes (https://www.standardwebhooks.com). */
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { EventBody } from '../../workflows/events';

export { WebhookVerificationError } from 'standardwebhooks';

/** The headers of a request: an object such as Node's `request.headers`, or the `Headers` of a fetch request. */
export type WebhookHeaders = { [name: string]: string | string[] | undefined } | { get(name: string): string | null };

/**
 * Returns the event of a post whose signature was made with one of the secrets, less than 5 minutes ago. `body`: the
 * received body before any parsing. Fails with a `WebhookVerificationError` for any other request: answer such a
 * request with 401.
 */
export function verify(headers: WebhookHeaders, body: string | Buffer, secrets: string | readonly string[]): EventBody {
  const signed = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, valueOf(headers, name)]),
  );
  let error: unknown = new WebhookVerificationError('No secret was given');
  for (const secret of [secrets].flat())
    try {
      return new Webhook(secret).verify(body, signed) as EventBody;
    } catch (err) {
      error = err;
    }
  throw error;
}

function valueOf(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : (headers as { [name: string]: unknown })[name];
  return typeof value === 'string' ? value : '';
}
