/** Functions that call the service by HTTP. */
import type { ConnectorKey } from '../../workflows/connector';

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON. Undefined for other content types. */
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
  text: string;
}

export interface Call {
  token?: string;
  body?: unknown;
  headers?: { [name: string]: string };
}

export type Caller = (method: string, path: string, call?: Call) => Promise<Answer>;

/**
 * Returns a function that calls the service at `url`. The function sends a body that is a string unchanged, and any
 * other body as JSON. The function follows no redirect.
 */
export const callerOf =
  (url: string): Caller =>
  async (method, path, { token, body, headers = {} } = {}) => {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text ? JSON.parse(text) : undefined,
    };
  };

/** The path of a connector in the backend's API. */
export const pathOf = ({ accountId, connectorId }: ConnectorKey, then = ''): string =>
  `/v1/accounts/${encodeURIComponent(accountId)}/connectors/${connectorId}${then}`;
