/** A flow that waits for a third party's consent, and what its user does. */
import type { Link } from '../../client/answers';
import type { ConsentOutcome } from '../../sandbox/browser';
import type { Decision } from '../../sandbox/oauth';
import type { SignIn } from '../../sandbox/sign-in';
import type { ConnectorKey } from '../../workflows/connector';
import type { Input, View } from '../../workflows/messages';
import { RETURN_TO } from './messages';
import type { Scene, Stage } from './stage';

export interface ConsentScene extends Scene {
  /** A fresh link. */
  asks(returnTo?: string): Promise<Link>;
  /** Opens a link and decides, as a user does. */
  decides(link: Pick<Link, 'url'>, decision: Decision): Promise<ConsentOutcome>;
  /** What the page sends that the browser comes back to. */
  returns(link: Pick<Link, 'attemptId'>): Promise<void>;
  confirms(link: Pick<Link, 'attemptId'>): Promise<View>;
  /** How often Cyclr was asked about the connector. */
  reads(): number;
  signIns(): SignIn[];
  /** How often Cyclr was asked for a sign-in token. */
  mintings(): number;
}

/** A flow that was just started. By default its connector is one that needs nothing but consent. */
export async function consentScene(
  stage: Stage,
  connector: string | ConnectorKey = 'Ledgerly',
  input: Partial<Input> = {},
): Promise<ConsentScene> {
  const scene = await stage.scene(connector, input);
  const { key } = scene;
  const read = `/v1.0/account/connectors/${key.connectorId}`;
  return {
    ...scene,
    asks: (returnTo = RETURN_TO) => stage.auth.requestAuthorization(key, { returnTo }),
    decides: ({ url }, decision) => stage.sandbox.consent(url, decision),
    returns: ({ attemptId }) => scene.signals('oauthCallback', { attemptId }),
    confirms: ({ attemptId }) => stage.auth.confirmAuthorization(key, { attemptId }),
    reads: () => scene.requests().filter(({ method, path }) => method === 'GET' && path === read).length,
    signIns: () => stage.sandbox.signIns(key.accountId),
    mintings: () => stage.sandbox.requests.filter(({ path }) => path === signInPath(key)).length,
  };
}

/** Where sign-in tokens of an account come from: a call of the partner's, without the account's header. */
export const signInPath = ({ accountId }: ConnectorKey): string =>
  `/v1.0/accounts/${encodeURIComponent(accountId)}/signintoken`;
