/** The outcome of each request to Cyclr, for metrics. */
import { isOfKind, kindOfStatus, type CyclrErrorKind } from './errors';
import type { Http, HttpRequest } from './http';

/**
 * The outcome of one request. `endpoint` and `result` are labels of metrics, so they contain no id and no text from
 * Cyclr.
 */
export interface RequestOutcome {
  /** Method and path, with `{id}` in place of each id, such as `GET /v1.0/account/connectors/{id}`. */
  endpoint: string;
  result: 'ok' | CyclrErrorKind;
  seconds: number;
}

export type RequestRecorder = (outcome: RequestOutcome) => void;

/** The fixed words in the paths of requests. Every other part of a path is an id. */
const words = new Set(
  'v1.0 oauth token account accounts connectors properties triggers signintoken cycles prerequisites activate test methods deauthenticate'.split(' '), // prettier-ignore
);

export function endpointOf({ method, path }: Pick<HttpRequest, 'method' | 'path'>): string {
  const segments = path.replace(/\?.*/s, '').split('/');
  return `${method} ${segments.map((segment) => (segment === '' || words.has(segment) ? segment : '{id}')).join('/')}`;
}

/** Returns a function that sends requests by `http`, and passes the outcome of each request to `record`. */
export function recorded(http: Http, record: RequestRecorder): Http {
  return async (request) => {
    const began = performance.now();
    const report = (result: RequestOutcome['result']) =>
      record({ endpoint: endpointOf(request), result, seconds: (performance.now() - began) / 1000 });
    try {
      const response = await http(request);
      const { status } = response;
      report(status === 401 ? 'unauthorized' : (kindOfStatus(status, request.method) ?? 'ok'));
      return response;
    } catch (err) {
      if (isOfKind(err, 'unreachable')) report('unreachable');
      throw err;
    }
  };
}
