/** The claims of the service's tokens, without a check of the signature. Only the service can check the signature. */

type Claims = { [claim in 'label' | 'account' | 'connectors' | 'onboarding' | 'by' | 'language']?: unknown };

/** The claims of a token. No claims if the text is no complete token. */
export function claimsOf(token: string): Claims {
  const [, claims, signature] = /^[\w-]+\.([\w-]+)\.([\w-]+)$/.exec(token) ?? [];
  if (claims === undefined || signature === undefined) return {};
  try {
    const bytes = Uint8Array.from(atob(claims.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
    return (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Claims;
  } catch {
    return {};
  }
}

/** True if both tokens are for the same connectors of the same account, and for the same person. */
export function haveSameScope(one: string, other: string): boolean {
  const [scope, otherScope] = [one, other].map((token) => {
    const { account, connectors, onboarding, by } = claimsOf(token);
    return account && JSON.stringify([account, connectors, onboarding, by]);
  });
  return scope !== undefined && scope === otherScope;
}
