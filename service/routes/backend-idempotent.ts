/** What a backend may give to a flow: values, credentials, and a user's consent. */
import { randomUUID } from 'node:crypto';
import { confirmed, withView } from '../flows';
import { submissionIdOf } from '../idempotency';
import { codes, described } from '../openapi';
import { requireAllowed } from '../origins';
import type { App, Parts } from '../parts';
import { returnUrl } from '../return-url';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { withSealedCredentials, withSealedSecrets } from '../sealing';

const BY = 'backend';
const ONE = '/v1/accounts/:accountId/connectors/:connectorId';
const security = [{ apiKey: [] }];
const { caller, body, flow, input } = codes;

export function backendInputRoutes(app: App, parts: Parts): void {
  inputRoutes(app, parts);
  authorizationRoutes(app, parts);
}

function inputRoutes(app: App, { auth, config: { sealing } }: Parts): void {
  const shared = { security, params: requests.OfConnector, headers: requests.Headers };
  const response = described({ 200: answers.View }, [
    ...caller,
    ...body,
    ...flow,
    ...input,
    'unknownProperty',
    'missingProperty',
    'notSealed',
  ]);
  app.post(
    `${ONE}/properties`,
    {
      schema: {
        summary: 'Gives values; secret ones that are in clear are sealed on arrival',
        ...shared,
        body: requests.PropertiesBody,
        response,
      },
    },
    async ({ params, headers, caller, body }) => {
      const submissionId = submissionIdOf({ what: 'properties', caller, headers, body, key: params });
      const values = await withSealedSecrets(body.values, { ...params, submissionId }, sealing.key, () =>
        auth.view(params),
      );
      return withView(auth, params, () => auth.submitProperties(params, { submissionId, values, by: BY }));
    },
  );
  app.post(
    `${ONE}/credentials`,
    {
      schema: {
        summary: 'Gives credentials; in clear they are sealed on arrival',
        ...shared,
        body: requests.CredentialsBody,
        response,
      },
    },
    async ({ params, headers, caller, body }) => {
      const submissionId = submissionIdOf({ what: 'credentials', caller, headers, body, key: params });
      const credentials = await withSealedCredentials(body.credentials, { ...params, submissionId }, sealing.key);
      return withView(auth, params, () => auth.submitCredentials(params, { submissionId, credentials, by: BY }));
    },
  );
}

function authorizationRoutes(app: App, { auth, tokens, config }: Parts): void {
  const shared = { security, params: requests.OfConnector };
  app.post(
    `${ONE}/authorization`,
    {
      schema: {
        summary: "A fresh link to the third party's consent: for the user alone",
        ...shared,
        body: requests.AuthorizationBody,
        response: described({ 200: answers.Link }, [...caller, ...body, ...flow, ...input, 'cyclrUnavailable']),
      },
    },
    async ({ params, body: { returnTo } }) => {
      requireAllowed(config, { returnTo });
      const attemptId = randomUUID();
      const target = returnTo ?? (await returnUrl({ tokens, config }, { ...params, attemptId }));
      return withView(auth, params, () => auth.requestAuthorization(params, { attemptId, returnTo: target, by: BY }));
    },
  );
  app.post(
    `${ONE}/confirm`,
    {
      schema: {
        summary: 'Has Cyclr asked whether the user has consented',
        ...shared,
        body: requests.ConfirmBody,
        response: described({ 200: answers.View }, [...caller, ...body, ...flow, ...input]),
      },
    },
    ({ params, body: { attemptId } }) => confirmed(auth, params, BY, attemptId),
  );
}
