/** An answer that is not the wished one. Thrown anywhere, sent as it is by the server. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(`${status} ${JSON.stringify(body)}`);
    this.name = 'Refusal';
  }
}

/** Field names and what is wrong with each, as ASP.NET tells it. */
export type ModelState = Record<string, string[]>;

export function badRequest(Message: string, ModelState?: ModelState): Refusal {
  return new Refusal(400, { Message, ...(ModelState && { ModelState }) });
}

export function notFound(Message: string): Refusal {
  return new Refusal(404, { Message });
}

/** What Cyclr says to a bad token and to an empty or unknown account alike: which of them it was does not show. */
export function unauthorized(): Refusal {
  return new Refusal(401, { Message: 'Authorization has been denied for this request.' });
}
