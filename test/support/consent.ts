/** A flow that waits for the third party's consent, and the actions of its user. */
import type { Link } from '../../client/answers';
import type { ConsentOutcome } from '../../sandbox/browser';
import type { Decision } from '../../sandbox/oauth';
import type { SignIn } from '../../sandbox/sign-in';
import type { ConnectorKey } from '../../workflows/connector';
import type { Input } from '../../workflows/input';
import type { View } from '../../workflows/view';
import { RETURN_TO } from './messages';
import type { Scene } from './scene';
import type { SkippingStage, Stage } from './stage';

export interface ConsentScene extends Scene {
  /** Requests a new link that is valid for five minutes by the Temporal server's clock. */
  asks(returnTo?: string): Promise<Link>;
  /** Opens a link as a browser does, and approves, declines or closes the consent page. */
  decides(link: Pick<Link, 'url'>, decision: Decision): Promise<ConsentOutcome>;
  /** Sends the signal that the return page sends. */
  returns(link: Pick<Link, 'attemptId'>): Promise<void>;
  confirms(link: Pick<Link, 'attemptId'>): Promise<View>;
  /** The number of GETs of the connector. */
  reads(): number;
  signIns(): SignIn[];
  /** The number of requests for a sign-in token. */
  mintings(): number;
}

/**
 * Starts a flow, and waits until the flow is in the state `awaitingAuthorization`. The default connector needs only
 * consent.
 */
export async function consentScene(
  stage: Stage | SkippingStage,
  connector: string | ConnectorKey = 'Ledgerly',
  input: Partial<Input> = {},
): Promise<ConsentScene> {
  const scene = await stage.scene(connector, input);
  await scene.reaches('awaitingAuthorization');
  const { key } = scene;
  const read = `/v1.0/account/connectors/${key.connectorId}`;
  return {
    ...scene,
    asks: async (returnTo = RETURN_TO) => {
      // The clock of a time-skipping server is ahead of the sandbox's clock. Without a longer lifetime, a new link
      // would already be expired by the server's clock.
      if ('now' in stage) {
        const aheadMs = (await stage.now()) - Date.now();
        stage.sandbox.switches.signInTokenExpiresIn = 300 + Math.max(0, aheadMs) / 1000;
      }
      return stage.auth.requestAuthorization(key, { returnTo });
    },
    decides: ({ url }, decision) => stage.sandbox.consent(url, decision),
    returns: ({ attemptId }) => scene.signals('oauthCallback', { attemptId }),
    confirms: ({ attemptId }) => stage.auth.confirmAuthorization(key, { attemptId }),
    reads: () => scene.requests().filter(({ method, path }) => method === 'GET' && path === read).length,
    signIns: () => stage.sandbox.signIns(key.accountId),
    mintings: () => stage.sandbox.requests.filter(({ path }) => path === signInPath(key)).length,
  };
}

/** The path at which Cyclr makes sign-in tokens for an account. The account is in the path, not in a request header. */
export const signInPath = ({ accountId }: ConnectorKey): string =>
  `/v1.0/accounts/${encodeURIComponent(accountId)}/signintoken`;
