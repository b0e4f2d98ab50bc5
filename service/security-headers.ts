/** The headers of every answer, also of answers that no route sends. */
import { logoSources } from './brand';
import type { Parts } from './parts';

const HALF_A_YEAR_S = 15_552_000;

export type Headers = { readonly [name: string]: string };

/**
 * Helmet's defaults, with a stricter content security policy. The headers are a table and no Fastify plugin, because
 * answers to requests that Node's parser refuses need these headers, too.
 */
export const securityHeaders = (config: Parts['config']): Headers => ({
  'Cache-Control': 'no-store',
  'Content-Security-Policy': contentSecurityPolicy(config),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'Referrer-Policy': 'same-origin', // `no-referrer` would make a form send `Origin: null`
  ...(config.publicUrl.startsWith('https:') && {
    'Strict-Transport-Security': `max-age=${HALF_A_YEAR_S}; includeSubDomains`,
  }),
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Download-Options': 'noopen',
  'X-Frame-Options': 'DENY',
  'X-Permitted-Cross-Domain-Policies': 'none',
  'X-XSS-Protection': '0',
});

const contentSecurityPolicy = ({ brand = {} }: Parts['config']): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    ["img-src 'self' data:", ...logoSources(brand)].join(' '),
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join(';');
