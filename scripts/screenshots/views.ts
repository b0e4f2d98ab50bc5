/** Views of made-up connectors. */
import type { Connector, Field } from '../../workflows/connector';
import type { ProblemCode, StateName, View } from '../../workflows/messages';

export const ACCOUNT_ID = 'account-acme';
const DEADLINE = '2027-03-12T12:00:00.000Z';

const icon = (letter: string, color: string): string => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="9" fill="${color}"/><text x="20" y="28" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="22" fill="#fff">${letter}</text></svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
};

const connector = (name: string, authType: string, more: Partial<Connector> = {}) => ({
  name,
  authType,
  partnerSupplied: false,
  ...more,
});

export const connectors = {
  brightdesk: connector('Brightdesk', 'ApiKey', {
    icon: icon('B', '#0a7a55'),
    description: 'Customer support and ticketing.',
    authDescription:
      'Sign in to Brightdesk and open Profile Settings.\nYour API key is below the password form: https://brightdesk.example/settings/keys',
  }),
  zenodesk: connector('Zenodesk', 'Basic', { icon: icon('Z', '#6b3fc9'), description: 'Help desk for small teams.' }),
  ledgerly: connector('Ledgerly', 'OAuth2', {
    icon: icon('L', '#c2410c'),
    oauth2Type: 'AuthorisationCode',
    description: 'Bookkeeping with your bank in it.',
  }),
  kestrel: connector('Kestrel', 'ApiKey', { description: 'A CRM with a setting for everything.' }),
  harbour: connector('Harbour', 'OAuth2', { oauth2Type: 'AuthorisationCode', partnerSupplied: true }),
  /** A connector with long texts. One of the texts has no place at which a browser can break the line. */
  wordy: connector('Österreichische Donaudampfschifffahrtsgesellschaft für Kundenbeziehungen GmbH & Co. KG', 'ApiKey', {
    description: `A description that is ${'very '.repeat(24)}long.`,
    authDescription: `https://developers.example/${'very-long-path-'.repeat(8)}#key`,
  }),
  /** A connector with texts that would be HTML if the page did not escape them. */
  hostile: connector('<b>Bold</b>"><img src=x onerror=alert(1)>', 'ApiKey', {
    description: '<script>alert(2)</script>',
    authDescription: '<a href="javascript:alert(3)">Click</a> &amp; <style>* { display: none }</style>',
  }),
};

export type Connection = (typeof connectors)[keyof typeof connectors];

/** Returns the view of a flow in the state `state`. */
export function viewOf(state: StateName, connector?: Connection, more: Partial<View> = {}): View {
  const waits = state.startsWith('awaiting');
  return {
    accountId: ACCOUNT_ID,
    connectorId: 41,
    runId: 'run',
    intent: 'authenticate',
    state,
    ...(connector && { connector }),
    ...(waits && { deadline: DEADLINE }),
    ...(state === 'authenticated' && { verification: 'notChecked' as const }),
    since: '2026-01-31T12:00:00.000Z',
    revision: 3,
    ...more,
  };
}

/** Returns a problem of the fields with these names. Without names, returns a problem of the whole input. */
export const problem = (code: ProblemCode, ...names: string[]): Pick<View, 'problem'> => ({
  problem: { code, message: code, ...(names.length > 0 && { fields: names.map((name) => ({ name, code })) }) },
});

const field = (name: string, label: string, more: Partial<Field> = {}): Field => ({
  name,
  label,
  required: true,
  secret: false,
  stored: false,
  ...more,
});

/** One field of every kind. */
export const fields: Field[] = [
  field('Domain', 'Company domain', { help: 'The first part of your address: acme for acme.kestrel.example.' }),
  field('Environment', 'Environment', { options: ['production', 'staging'], default: 'production' }),
  field('SigningSecret', 'Signing secret', { secret: true }),
  field('Region', 'Region', { required: false, options: ['eu', 'us'], help: 'Where your data is kept.' }),
  field('Workspace', 'Workspace', { required: false, default: 'main' }),
  field('Notes', 'Notes for auditors', { required: false, multiline: true }),
];

/** The fields of `fields`, each with a stored value in Cyclr. */
export const storedFields: Field[] = fields.map((known) => ({ ...known, stored: true }));

/** Fields with long texts, and with texts that would be HTML. */
export const oddFields: Field[] = [
  field('A', 'Benutzeridentifikationsnummernverwaltungsschlüsselbezeichnung', {
    help: 'https://help.example/articles/where-do-i-find-the-identification-number-of-my-user-administration',
  }),
  field('B', '<i>Label</i>"><img src=x onerror=alert(4)>', {
    help: '<script>alert(5)</script>',
    options: ['<option>One</option>', `An option that is ${'very '.repeat(20)}long`],
  }),
  field('C', 'Signing secret of the administration’s certificate authority', { secret: true }),
];
