import { authMethodOf, type AuthMethod } from '../workflows/connector';
import type { Credentials, View } from '../workflows/messages';
import { credentialsOf } from '../sealing/credentials';
import { CliError } from './errors';
import type { Ask } from './prompt';

type Asking = (ask: Ask) => Promise<Credentials>;

const questions: { [M in AuthMethod]?: Asking } = {
  apiKey: async (ask) => ({ kind: 'apiKey', key: await ask({ label: 'API key', hidden: true }) }),
  basic: async (ask) => ({
    kind: 'basic',
    username: await ask({ label: 'User name' }),
    password: await ask({ label: 'Password', hidden: true }),
  }),
  tokens: async (ask) => {
    const accessToken = await ask({ label: 'Access token', hidden: true });
    const refreshToken = await ask({ label: 'Refresh token [optional]', hidden: true });
    return { kind: 'tokens', accessToken, ...(refreshToken && { refreshToken }) };
  },
};

/**
 * The questions for what the connector of a view takes. Fails: `notNow` where the flow waits for nothing that is typed.
 * The answers fail: `malformed` where they can't be it.
 */
export function questionsFor({ state, connector }: View): Asking {
  const method = connector && authMethodOf(connector);
  const asking = state === 'awaitingCredentials' && method && questions[method];
  if (asking) return async (ask) => credentialsOf(JSON.stringify(await asking(ask)));
  const hint = 'tokens can be given as JSON on standard input';
  throw new CliError('notNow', `in ${state} nothing is asked for that can be typed here (${hint})`);
}
