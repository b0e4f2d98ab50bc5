/** An error that makes the server answer the request with this status and this body. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(`${status} ${JSON.stringify(body)}`);
    this.name = 'Refusal';
  }
}

/** Messages by field name, as ASP.NET gives them. */
export type ModelState = Record<string, string[]>;

export function badRequest(Message: string, ModelState?: ModelState): Refusal {
  return new Refusal(400, { Message, ...(ModelState && { ModelState }) });
}

export function notFound(Message: string): Refusal {
  return new Refusal(404, { Message });
}

/** Cyclr's answer to an invalid token, and to an empty or unknown account. */
export function unauthorized(): Refusal {
  return new Refusal(401, { Message: 'Authorization has been denied for this request.' });
}
