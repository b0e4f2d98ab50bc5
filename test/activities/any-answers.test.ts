/**
 * The activities and the client with generated answers of Cyclr (see grammar.ts), over HTTP. Each call returns a
 * well-formed result, or fails with a documented error that holds no secret.
 */
import { createServer, type RequestListener } from 'node:http';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { createActivities } from '../../activities';
import { CyclrClient, type CyclrConfig } from '../../activities/cyclr/client';
import { CyclrError, type CyclrErrorKind } from '../../activities/cyclr/errors';
import { methodIdOf } from '../../activities/cyclr/methods';
import { Policies, policiesOf } from '../../activities/policies/policies';
import { generateKey } from '../../sealing/keys';
import { isConnectorId } from '../../workflows/connector';
import type { ActivityFailureType } from '../../workflows/ports';
import fc, { runs } from '../support/fast-check';
import { answeringWith, BEARER, cyclrAnswers, KEY, SIGN_IN, STORED } from './grammar';
import { everythingIn, leaks } from './leaks';
import {
  inContext,
  keys,
  listening,
  sealedCredentials,
  sealedProperty,
  stopAll,
  SUBMISSION,
  type Scene,
} from './scene';

const CLIENT_SECRET = 'cl!ent/sécret?4711';
const TYPED = 'päss/w"rd+of=the&user';
const policies = new Policies(
  policiesOf(`policies:
  - match: { accountConnector: ${KEY.connectorId} }
    properties: { Region: { value: eu } }
    verify: { method: whoami, expect: user.email }
    identity: { method: whoami, path: user.email }
`),
);

let answer: RequestListener;
let config: CyclrConfig;
beforeAll(async () => {
  const apiUrl = await listening(createServer((request, response) => answer(request, response)));
  config = { apiUrl, clientId: 'any', clientSecret: CLIENT_SECRET };
});
afterAll(stopAll);

/** Runs `call` many times with generated answers and a new client. Passes each result or error to `check`. */
async function withAnyAnswers(
  call: (cyclr: CyclrClient) => Promise<unknown>,
  check: (ended: { result: unknown } | { err: unknown }) => void,
): Promise<void> {
  const property = fc.asyncProperty(cyclrAnswers, fc.boolean(), async (answers, withPolicy) => {
    answer = answeringWith(answers);
    const cyclr = new CyclrClient({ ...config, ...(withPolicy && { policies }) });
    check(await call(cyclr).then((result) => ({ result }), (err: unknown) => ({ err }))); // prettier-ignore
  });
  await fc.assert(property, { numRuns: runs(40) });
}

/** Fails if a text holds a secret in any form. */
const expectNoSecret = (text: string) => expect(leaks(text, STORED, SIGN_IN, BEARER, CLIENT_SECRET, TYPED)).toEqual([]);

const text = z.string();
const Field = z.strictObject({
  ...{ name: text.min(1), label: text.min(1), help: text.optional() },
  ...{ required: z.boolean(), secret: z.boolean(), stored: z.boolean() },
  ...{ options: z.array(text).min(1).optional(), multiline: z.boolean().optional(), default: text.optional() },
});
const Connector = z.strictObject({
  ...{ name: text.min(1), description: text.optional(), icon: text.max(8_192).optional() },
  ...{ authType: text.min(1), oauth2Type: text.optional(), authDescription: text.optional() },
  ...{ partnerSupplied: z.boolean(), authenticated: z.boolean(), fields: z.array(Field) },
  policy: z.looseObject({ digest: text }).optional(),
});
const connectorId = z.number().refine(isConnectorId);
const Lack = z.strictObject({ reasonCode: z.number(), objectType: text.optional(), objectId: text.optional() });
const Scope = z.strictObject({
  connectors: z.array(z.strictObject({ connectorId, name: text.min(1), authenticated: z.boolean(), needed: z.boolean() })), // prettier-ignore
  lacks: z.array(Lack).optional(),
});

const failureTypes: Record<ActivityFailureType, true> = {
  ...{ CyclrUnavailable: true, CyclrThrottled: true, CyclrUnauthorized: true, CyclrAccessDenied: true },
  ...{ CyclrForbidden: true, CyclrNotFound: true, CyclrRefused: true, InvalidInput: true },
  ...{ NotAuthenticatedYet: true, UnknownSealingKey: true, InputRefused: true },
};
type Activities = ReturnType<typeof createActivities>;
const onboarding = { accountId: KEY.accountId, onboardingId: 'o' };
const linkOf = async () => {
  const { kty, crv, x, y } = await generateKey();
  return { attemptId: 'a', replyKey: { kty, crv, x, y }, returnTo: 'https://a.example/', fingerprint: true } as const;
};

const activities: { [name: string]: [z.ZodType, (activities: Activities) => Promise<unknown>] } = {
  fetchConnector: [Connector, ({ fetchConnector }) => fetchConnector(KEY)],
  applyProperties: [
    Connector,
    async ({ applyProperties }) => {
      const values = { Domain: 'acme', Secret: await sealedProperty(KEY, 'Secret', TYPED) };
      return applyProperties(KEY, { submissionId: SUBMISSION, values, required: [] });
    },
  ],
  applyCredentials: [
    Connector,
    async ({ applyCredentials }) => {
      const credentials = await sealedCredentials(KEY, { kind: 'apiKey', key: TYPED });
      return applyCredentials(KEY, { method: 'apiKey', submissionId: SUBMISSION, credentials });
    },
  ],
  'applyCredentials without credentials': [
    Connector,
    ({ applyCredentials }) => applyCredentials(KEY, { method: 'clientCredentials' }),
  ],
  mintLink: [
    z.strictObject({
      link: z.strictObject({ sealed: text }),
      expiresAt: z.iso.datetime(),
      fingerprint: text.optional(),
    }),
    async ({ mintLink }) => mintLink(KEY, await linkOf()),
  ],
  verifyAuthorization: [
    z.strictObject({ connector: Connector, isProven: z.boolean() }),
    ({ verifyAuthorization }) =>
      verifyAuthorization(KEY, { consent: { wasAuthenticated: true, fingerprint: `${keys.public.kid}.x` } }),
  ],
  checkConnection: [
    z.strictObject({ verification: z.enum(['checked', 'notChecked', 'refused']), identity: text.max(200).optional() }),
    ({ checkConnection }) => checkConnection(KEY),
  ],
  'readScope of all connectors': [
    Scope,
    ({ readScope }) => readScope(onboarding, { scope: { all: true }, known: [1] }),
  ],
  'readScope of a cycle': [Scope, ({ readScope }) => readScope(onboarding, { scope: { cycleId: 'c' }, known: [] })],
  activateCycle: [
    z.strictObject({ lacks: z.array(Lack).optional() }),
    ({ activateCycle }) => activateCycle(onboarding, 'c'),
  ],
};

test.each(Object.keys(activities))(
  'with any answers of Cyclr, an activity returns a well-formed result or fails with a documented failure: %s',
  async (name) => {
    const [schema, call] = activities[name]!;
    const log: Scene['log'] = [];
    let readings = 0;
    const run = inContext({ log });

    await withAnyAnswers(
      (cyclr) =>
        run(() =>
          call(createActivities({ cyclr, keys: keys.private, consent: { serviceUrl: 'https://c.example' } })),
        )(),
      (ended) => {
        if ('err' in ended) {
          expect(ended.err).toBeInstanceOf(ApplicationFailure);
          expect(Object.keys(failureTypes)).toContain((ended.err as ApplicationFailure).type);
          expectNoSecret(everythingIn(ended.err));
        } else {
          readings++;
          expect(schema.parse(ended.result)).toStrictEqual(ended.result);
          expect(JSON.parse(JSON.stringify(ended.result))).toStrictEqual(ended.result);
          expectNoSecret(JSON.stringify(ended.result));
        }
        expect(log.filter(({ message }) => message.startsWith('Unexpected'))).toEqual([]);
        expectNoSecret(JSON.stringify(log));
        log.length = 0;
      },
    );

    expect(readings).toBeGreaterThan(0); // at least one generated answer must be well-formed enough to be read
  },
);

const kinds: Record<CyclrErrorKind, true> = {
  ...{ invalidKey: true, unreachable: true, unreadable: true, unconfirmed: true, tooLarge: true, throttled: true },
  ...{ unauthorized: true, accessDenied: true, forbidden: true, clientRefused: true, notFound: true },
  ...{ outdated: true, refused: true },
};
const calls: { [name: string]: (cyclr: CyclrClient) => Promise<unknown> } = {
  getCycleConnectors: (cyclr) => cyclr.getCycleConnectors(KEY, 'c'),
  putDeauthenticate: (cyclr) => cyclr.putDeauthenticate(KEY),
  listProperties: (cyclr) => cyclr.listProperties(KEY),
  methodIdOf: (cyclr) => methodIdOf(cyclr, KEY, 7, 'whoami'),
};

test.each(Object.keys(calls))(
  'with any answers of Cyclr, a call of the client succeeds or fails with a CyclrError: %s',
  async (name) => {
    await withAnyAnswers(calls[name]!, (ended) => {
      if (!('err' in ended)) return;
      expect(ended.err).toBeInstanceOf(CyclrError);
      expect(Object.keys(kinds)).toContain((ended.err as CyclrError).kind);
      expectNoSecret(everythingIn(ended.err));
    });
  },
);
