import type { Decision } from '../../sandbox/oauth';
import type { SandboxOptions } from '../../sandbox/server';
import { ACCOUNT, scene, send, type Answer, type Scene } from './scene';

export const TARGET = 'http://127.0.0.1:9/done';

export interface LinkFields {
  id: string;
  token: string;
  targetOrigin: string;
  callbackMessage: string;
}

export interface OAuthScene extends Scene {
  signIn: (body?: unknown, account?: string) => Promise<Answer>;
  /**
   * Makes a link with a new token for the first connector. The members of `fields` replace the link's fields with these
   * names. A member with the value `undefined` removes the field from the link.
   */
  link: (fields?: Partial<LinkFields>) => Promise<string>;
  /** Opens a link without a decision. */
  open: (url: string, method?: string) => Promise<Answer>;
  /** Sends the form of a consent page. */
  decide: (page: Answer, decision: string) => Promise<Answer>;
  /** Opens a new link and sends a decision. */
  consent: (decision: Decision, fields?: Partial<LinkFields>) => ReturnType<Scene['sandbox']['consent']>;
  stored: () => ReturnType<Scene['sandbox']['connectorOf']>;
}

/** Opens a scene with functions that make the requests of a user's browser. */
export async function oauthScene(connectors: string[] = ['Ledgerly'], options?: SandboxOptions): Promise<OAuthScene> {
  const at = await scene(connectors, options);
  const { sandbox } = at;

  const signIn: OAuthScene['signIn'] = (body = { Username: 'onboarding' }, account = ACCOUNT) =>
    at.call('POST', `/v1.0/accounts/${encodeURIComponent(account)}/signintoken`, { body, account: undefined });
  const link: OAuthScene['link'] = async (fields = {}) => {
    const token = 'token' in fields ? fields.token : (await signIn()).json.Token;
    const given = { id: String(at.id), token, targetOrigin: TARGET, ...fields };
    const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== undefined));
    return `${sandbox.url}/connectorauth/updateaccountconnectoroauth?${query}`;
  };

  return {
    ...at,
    signIn,
    link,
    open: (url, method = 'GET') => send({ url }, method, ''),
    decide: (page, decision) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const body = new URLSearchParams({ consent: consentIn(page), decision }).toString();
      return send(sandbox, 'POST', '/connectorauth/consent', { headers, body });
    },
    consent: async (decision, fields) => sandbox.consent(await link(fields), decision),
    stored: () => sandbox.connectorOf(ACCOUNT, at.id),
  };
}

/** The consent id in the form of a page. Empty if the page has no form. */
function consentIn({ text }: Answer): string {
  return /name="consent" value="([^"]+)"/.exec(text)?.[1] ?? '';
}
