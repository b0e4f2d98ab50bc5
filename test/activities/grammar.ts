/**
 * A grammar of Cyclr's answers. Most answers have the documented shape, but some of their members are absent, or have
 * a type that Cyclr does not document. The other answers are cut JSON, error pages, other texts, odd statuses and
 * headers, and broken connections.
 */
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from '../support/fast-check';

export const KEY = { accountId: 'acme-1', connectorId: 42 };
/** A secret that Cyclr stores. The answers have this secret where the real Cyclr returns secrets. */
export const STORED = 'störed/"Wert"+4711&of=Cyclr';
/** The sign-in token that a link contains. */
export const SIGN_IN = 'sign+in/tökén==4711';
/** The access token with which the client calls Cyclr. */
export const BEARER = 'bearer-4711-of-the-day';
/** The server replaces this text by the body and the headers of the request. */
const ECHO = '%REQUEST%';

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string() },
  { weight: 2, arbitrary: fc.string({ unit: 'binary' }) },
  fc.constantFrom('', ' ', 'null', 'a\u0000b', '\ud800', 'x\udc00', '\u202eoj', '__proto__', 'constructor', '🔑'.repeat(3_000)), // prettier-ignore
);
const number = fc.oneof(fc.nat(50), fc.constantFrom(-1, 0, 1.5, 2 ** 53, 1e308, 5e-324), fc.double());
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(null),
  text,
  number,
  fc.constant(JSON.parse(deep(500))),
  fc.array(fc.constant({}), { maxLength: 3 }),
);
/** Generates values of `arbitrary` in most cases, and sometimes any JSON value. */
const mostly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> => fc.oneof({ weight: 30, arbitrary }, anything);
/** Generates objects with these members. Sometimes a member is any JSON value, and sometimes members are absent. */
function object(members: { [name: string]: fc.Arbitrary<unknown> }): fc.Arbitrary<{ [name: string]: unknown }> {
  const names = Object.keys(members);
  const whole = fc.record(Object.fromEntries(names.map((name) => [name, mostly(members[name]!)])));
  const absent = fc.oneof(
    { weight: 4, arbitrary: fc.constant([] as string[]) },
    fc.subarray(names, { maxLength: Math.min(6, names.length) }),
  );
  return fc
    .tuple(whole, absent)
    .map(([all, none]) => Object.fromEntries(Object.entries(all).filter(([name]) => !none.includes(name))));
}
const list = (item: fc.Arbitrary<unknown>, maxLength = 4): fc.Arbitrary<unknown[]> =>
  fc.array(mostly(item), { maxLength });

const id = fc.constant(KEY.connectorId);
const name = fc.oneof(fc.constantFrom('Domain', 'Secret', 'Region'), text);
const flag = fc.boolean();
const storedProperty = object({ Id: fc.nat(9), Name: name, Value: fc.constantFrom(STORED, 'acme'), AccountConnectorId: id }); // prettier-ignore
const parameter = object({
  Name: text,
  Description: text,
  TargetName: name,
  IsAccountConnectorProperty: fc.constant(true),
  IsOptional: flag,
  IsSensitive: flag,
  Values: list(fc.oneof(text, fc.record({ Value: text }))),
  DefaultValue: fc.oneof(fc.constant(null), text),
  DisplayName: text,
  DisplayOrder: number,
  IsPartnerProperty: fc.constant(false),
  TriggerName: fc.constantFrom(null, 'List regions'),
  Multiline: flag,
  Hidden: fc.constant(false),
});
const authType = fc.constantFrom('ApiKey', 'Basic', 'OAuth1', 'OAuth2', 'None', 'AuthFields', 'NetSuite', 'OAUTH2');
const oauth2Type = fc.constantFrom(null, 'AuthorisationCode', 'AuthorizationCode', 'ClientCredentials', 'PasswordCredentials'); // prettier-ignore
const icon = fc.constantFrom(null, 'data:image/png;base64,AAAA', 'https://icons.example/a.png', `data:image/gif;base64,R0lGODlh${'A'.repeat(9_000)}`); // prettier-ignore
export const accountConnector = object({
  Id: id,
  Name: text,
  Description: text,
  AuthValue: fc.constantFrom(null, STORED),
  Authenticated: flag,
  IsPartnerIntegrationConnector: flag,
  Properties: list(storedProperty),
  CustomFields: list(fc.constant(STORED)),
  Connector: object({
    Id: fc.nat(9),
    Name: fc.oneof(fc.constant('Help Desk'), text),
    Description: text,
    Icon: icon,
    AuthDescription: text,
    AuthType: authType,
    OAuth2Type: oauth2Type,
    Parameters: list(parameter, 8),
    Triggers: list(object({ Id: fc.oneof(fc.nat(9), text), Name: fc.constant('List regions') })),
    Authentication: list(object({ AuthType: authType, OAuth2Type: oauth2Type, AuthDescription: text })),
  }),
});
const listed = object({ Id: fc.oneof(fc.integer({ min: 1, max: 99 }), number), Name: text, Authenticated: flag, AuthValue: fc.constant(STORED), Connector: object({ Name: text }) }); // prettier-ignore
const prerequisite = object({ ReasonCode: fc.constantFrom(20, 20, 0, 61), Reason: text, ObjectType: text, ObjectId: fc.oneof(fc.integer({ min: 1, max: 99 }), number, text) }); // prettier-ignore
const time = fc.oneof(
  fc.constantFrom('2030-01-01T00:05:00.1234567', '2030-01-01T00:05:00Z', '+275760-09-13T00:00:00Z', '0001-01-01T00:00:00'), // prettier-ignore
  text,
);

/** The endpoints of Cyclr: each with a pattern of `METHOD /path`, and with the JSON of its answers. */
const endpoints: [RegExp, fc.Arbitrary<unknown>][] = [
  [/\/oauth\/token$/, fc.constant({ access_token: BEARER, expires_in: 1_000 })],
  [/\/signintoken$/, object({ Token: fc.oneof({ weight: 4, arbitrary: fc.constant(SIGN_IN) }, text), ExpiresAtUtc: time })], // prettier-ignore
  [/^GET .*\/properties$/, list(storedProperty)],
  [/\/properties(\/|$)/, storedProperty],
  [/\/triggers\//, list(fc.oneof(text, object({ Value: text })))],
  [/\/(test|methods)\//, object({ user: object({ email: text }), Message: fc.constantFrom('Failed to authenticate the connector: x', 'no') })], // prettier-ignore
  [/\/methods$/, list(object({ Id: fc.nat(9), MethodUniqueIdentifier: fc.constantFrom('whoami', 'WHOAMI', '') }))],
  [/\/prerequisites$/, list(prerequisite)],
  [/\/activate$/, object({ Id: text })],
  [/\/cycles\/[^/]+$/, object({ Connectors: list(object({ AccountConnectorId: fc.oneof(id, number) })) })],
  [/\/deauthenticate$/, object({ Message: text })],
  [/\/account\/connectors$/, list(listed)],
  [/\/account\/connectors\/\d+$/, accountConnector],
];

interface CyclrAnswer {
  status: number;
  headers: { [name: string]: string };
  body: string | Buffer;
  /** How the answer ends. `cut`: the body is shorter than its `Content-Length`. `noHttp`: the answer is no HTTP. */
  end: 'whole' | 'cut' | 'reset' | 'noHttp';
}
/** For each endpoint, the answers to its first requests. All later requests get the last answer. */
export type CyclrAnswers = CyclrAnswer[][];

const large = Buffer.alloc(6 * 1024 * 1024, ' ');
const bodyOf = (json: fc.Arbitrary<unknown>): fc.Arbitrary<string | Buffer> => {
  const whole = mostly(json).map((value) => JSON.stringify(value));
  return fc.oneof(
    { weight: 24, arbitrary: whole },
    fc
      .tuple(whole, fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([body, part]) => body.slice(0, body.length * part)),
    whole.map((body) => `\ufeff${body}`),
    whole.map((body) => `${body}\n${body}`),
    whole.map((body) => Buffer.from(body, 'utf16le')),
    whole.map((body) => Buffer.from(body, 'latin1')),
    whole.map((body) => gzipSync(body)),
    whole.map((body) => `{"Message":"${ECHO}","ModelState":{"${STORED}":["${ECHO}"]},"x":${body}`),
    fc.string({ unit: 'binary' }),
    fc.constantFrom<string | Buffer>('', 'NaN', '{"Id":42,"Id":42}', '{"__proto__":{"Id":42}}', deep(100_000), large),
    fc.constant(`<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1><pre>${ECHO}</pre></body></html>`),
  );
};
const status = fc.oneof(
  { weight: 12, arbitrary: fc.constant(200) },
  fc.constantFrom(
    201,
    202,
    204,
    206,
    299,
    300,
    301,
    302,
    304,
    307,
    400,
    401,
    401,
    403,
    404,
    405,
    408,
    409,
    410,
    418,
    422,
  ),
  fc.constantFrom(429, 431, 451, 500, 501, 502, 503, 504, 520, 599, 600, 999),
);
const headers = fc
  .record(
    {
      'content-type': fc.constantFrom('application/json', 'application/json; charset=utf-16', 'text/html', 'x', ''),
      'content-encoding': fc.constantFrom('identity', 'gzip', 'br', 'x'),
      'retry-after': fc.oneof(fc.constantFrom('1', '0', '-5', '1e9', '99999999999', STORED.replace(/[^a-z]/g, '')), fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())), // prettier-ignore
      'total-pages': fc.constantFrom('1', '2', '0', '-1', '1.5', 'NaN', '3', '99999999999999999999'),
      location: fc.constantFrom('/elsewhere', 'http://127.0.0.1:1/', '//'),
      'set-cookie': fc.constant('a=b'),
    },
    { requiredKeys: [] },
  )
  .map((all) => all as { [name: string]: string });
const plain = fc.constant({ 'content-type': 'application/json' });

const answerOf = (json: fc.Arbitrary<unknown>): fc.Arbitrary<CyclrAnswer> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.record<CyclrAnswer>({ status: fc.constant(200), headers: plain, body: json.map((value) => JSON.stringify(value)), end: fc.constant('whole') }) }, // prettier-ignore
    {
      weight: 2,
      arbitrary: fc.record<CyclrAnswer>({
        status,
        headers: fc.oneof(plain, headers),
        body: bodyOf(json),
        end: fc.oneof({ weight: 20, arbitrary: fc.constant('whole' as const) }, fc.constantFrom('cut', 'reset', 'noHttp')), // prettier-ignore
      }),
    },
  );

export const cyclrAnswers: fc.Arbitrary<CyclrAnswers> = fc.tuple(
  ...endpoints.map(([, json]) => fc.array(answerOf(json), { minLength: 1, maxLength: 3 })),
);

/** Returns a request listener that answers as a Cyclr whose answers are `answers`. */
export function answeringWith(answers: CyclrAnswers): RequestListener {
  const rest = answers.map((each) => [...each]);
  return async (request, response) => {
    const sent: Buffer[] = [];
    for await (const chunk of request) sent.push(chunk as Buffer);
    const call = `${request.method} ${request.url!.replace(/\?.*/, '')}`;
    const each = rest[endpoints.findIndex(([pattern]) => pattern.test(call))];
    if (!each) throw new Error(`The grammar has no answer to ${call}`);
    const { status, headers, body, end } = each.length > 1 ? each.shift()! : each[0]!;
    if (end === 'reset') return void request.socket.resetAndDestroy();
    if (end === 'noHttp') return void request.socket.end(`${STORED}\r\n\r\n`);
    const echo = JSON.stringify([Buffer.concat(sent).toString(), request.headers]);
    const bytes = typeof body === 'string' ? Buffer.from(body.replaceAll(ECHO, () => echo)) : body;
    const length = bytes.length + (end === 'cut' ? 10 : 0);
    const hasBody = status !== 204 && status !== 304;
    response.writeHead(status, { ...headers, ...(hasBody && { 'content-length': length }) });
    if (end === 'cut') response.write(bytes, () => response.destroy());
    else response.end(hasBody ? bytes : undefined);
  };
}
