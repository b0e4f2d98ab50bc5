/** The routes for onboardings of whole accounts and cycles. Each call needs an API key. */
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { emptyProgress } from '../../workflows/onboarding';
import { byOf } from '../callers';
import { undefinedIf } from '../flows';
import { codes, named, responsesOf } from '../openapi';
import type { App, Parts } from '../parts';

const ONE = '/v1/onboardings/:accountId/:onboardingId';
const { caller, body } = codes;

const security = [{ apiKey: [] }];
const unreachable = ['noWorker', 'paused', 'temporalUnavailable'] as const;
const ofOnboarding = { security, params: requests.OfOnboarding };
const schemas = {
  start: {
    ...named('onboardings', 'startOnboarding'),
    summary: 'Starts an onboarding (201), or returns the running onboarding (200)',
    security,
    body: requests.OnboardingBody,
    response: responsesOf({ 200: answers.OnboardingProgress, 201: answers.OnboardingProgress }, [
      ...caller,
      ...body,
      ...unreachable,
    ]),
  },
  read: {
    ...named('onboardings', 'onboarding'),
    summary: 'Reads the progress of an onboarding',
    ...ofOnboarding,
    response: responsesOf({ 200: answers.OnboardingProgress }, [...caller, 'malformed', 'notFound', ...unreachable]),
  },
  cancel: {
    ...named('onboardings', 'cancelOnboarding'),
    summary: 'Cancels an onboarding, and on request also the flows of the onboarding',
    ...ofOnboarding,
    body: requests.CancelOnboardingBody,
    response: responsesOf({ 200: answers.OnboardingProgress }, [...caller, ...body, 'notFound', ...unreachable]),
  },
  connectors: {
    ...named('onboardings', 'addConnectors'),
    summary: 'Adds connectors to a running onboarding',
    ...ofOnboarding,
    body: requests.AddConnectorsBody,
    response: responsesOf({ 200: answers.OnboardingProgress }, [
      ...caller,
      ...body,
      'notFound',
      'closed',
      ...unreachable,
    ]),
  },
};

export function onboardingRoutes(app: App, { auth }: Parts): void {
  app.post('/v1/onboardings', { schema: schemas.start }, async (request, reply) => {
    const input = { ...request.body, by: byOf(request, request.body.by) };
    request.accountId = input.accountId;
    const { started } = await auth.startOnboarding(input);
    // The start has succeeded, even if no worker answers the query. If no worker answers, the service answers with the
    // progress of a new onboarding.
    const progress = await auth.onboarding(input).catch(undefinedIf(...(started ? (['noWorker'] as const) : [])));
    return reply.code(started ? 201 : 200).send(progress ?? emptyProgress(input));
  });
  app.get(ONE, { schema: schemas.read }, ({ params }) => auth.onboarding(params));
  app.post(`${ONE}/cancel`, { schema: schemas.cancel }, (request) =>
    auth.cancelOnboarding(request.params, { ...request.body, by: byOf(request) }),
  );
  app.post(`${ONE}/connectors`, { schema: schemas.connectors }, (request) =>
    auth.addConnectors(request.params, { ...request.body, by: byOf(request) }),
  );
}
