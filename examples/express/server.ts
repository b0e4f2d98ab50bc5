/**
 * The backend of a SaaS product. The backend redirects its users to the connect page, and lists the connectors of their
 * account.
 */
import express, { type ErrorRequestHandler, type Request } from 'express';
import { OnboardingError, OnboardingService, secretsOf, verify, WebhookVerificationError } from 'cyclr-connect/http';

const {
  SERVICE_URL = 'http://127.0.0.1:8080',
  SERVICE_API_KEY = '',
  WEBHOOK_SECRETS = '',
  PORT = '3000',
} = process.env;
const onboarding = new OnboardingService({ url: SERVICE_URL, apiKey: SERVICE_API_KEY });

/** The signed-in user `by` and the account. In your backend, take both from the login, never from the request. */
const userOf = (_request: Request) => ({
  accountId: 'acme',
  accountLabel: 'Acme Ltd',
  connectorIds: [1002, 1009],
  by: 'jo',
});

const app = express();

app.get('/', (_request, response) => {
  response.send('<form method="post" action="connect"><button>Connect your apps</button></form>');
});

app.post('/connect', async (request, response) => {
  const { url } = await onboarding.createSession({ ...userOf(request), expiresIn: '1 hour' });
  response.redirect(303, url);
});

app.get('/connectors', async (request, response) => {
  const connectors = [];
  for await (const { connectorId, name, state } of onboarding.list(userOf(request).accountId))
    connectors.push({ connectorId, name, state });
  response.json(connectors);
});

/** Receives the events of a worker whose WEBHOOK_URL is this address (see docs/events.md). */
if (WEBHOOK_SECRETS) {
  const secrets = secretsOf(WEBHOOK_SECRETS); // fails at the start if a secret is bad
  app.post('/events', express.raw({ type: '*/*', limit: '2mb' }), (request, response) => {
    const { type, data } = verify(request.headers, request.body as Buffer | undefined, secrets);
    console.log(type, data.id); // a real backend stores the id, because the same event can arrive twice
    response.sendStatus(204);
  });
}

const onError: ErrorRequestHandler = (err, _request, response, next) => {
  if (err instanceof WebhookVerificationError) return void response.sendStatus(401);
  if (!(err instanceof OnboardingError)) return next(err);
  console.error(err.message, err.requestId); // the message holds no secret
  response.status(502).json({ code: err.code });
};
app.use(onError);

app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}`));
