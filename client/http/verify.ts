/** Verifies received events as the Standard Webhooks specification describes (https://www.standardwebhooks.com). */
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { EventBody } from '../../workflows/events';

export { WebhookVerificationError } from 'standardwebhooks';

/** The headers of a request: an object such as Node's `request.headers`, or the `Headers` of a fetch request. */
export type WebhookHeaders = { [name: string]: string | string[] | undefined } | { get(name: string): string | null };

/**
 * Returns the secrets in a comma-separated list, such as the variable `WEBHOOK_SECRETS`. Call this function at the
 * start of your program, because it fails with an `Error` if a secret is empty or is not base64.
 */
export function secretsOf(list: string): string[] {
  const secrets = list.split(',').map((secret) => secret.trim());
  secrets.forEach(webhookOf);
  return secrets;
}

/**
 * Returns the event of a post whose signature was made with one of the secrets, less than 5 minutes ago. `body`: the
 * received body before any parsing. Fails with a `WebhookVerificationError` for any other post: answer such a post with
 * 401. Fails with an `Error` if there is no secret, or if a secret is empty or is not base64.
 */
export function verify(
  headers: WebhookHeaders,
  body: string | Buffer | undefined,
  secrets: string | readonly string[],
): EventBody {
  const webhooks = [secrets].flat().map(webhookOf);
  if (webhooks.length === 0) throw new Error('No secret was given');
  if (body === undefined) throw new WebhookVerificationError('The post has no body');
  const signed = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, valueOf(headers, name)]),
  );
  let error: unknown;
  for (const webhook of webhooks)
    try {
      return webhook.verify(body, signed) as EventBody;
    } catch (err) {
      error = err;
    }
  throw error;
}

/** The error does not quote the secret. */
function webhookOf(secret: string, index: number): Webhook {
  try {
    return new Webhook(secret);
  } catch {
    throw new Error(`Secret ${index + 1} is empty or is not base64`);
  }
}

function valueOf(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : (headers as { [name: string]: unknown })[name];
  return typeof value === 'string' ? value : '';
}
