/** The connectors of the sandbox, as the Cyclr client reads them. */
import { catalogue } from '../../sandbox/catalogue';
import { field } from '../../scripts/faults/machine-samples';
import type { Field } from '../../workflows/connector';
import { leaks } from './leaks';
import { ACCOUNT, scene, stopAll } from './scene';

afterEach(stopAll);

/** The expected fields of each connector, in display order. A connector that is not listed here has no fields. */
const fields: { [key: string]: Field[] } = {
  Fernhill: [
    field('Domain', {
      label: 'Company domain',
      help: 'The first part of your address: acme for acme.fernhill.example.',
    }),
  ],
  Kestrel: [
    field('Environment', { options: ['production', 'staging'], default: 'production' }),
    field('Region', {
      required: false,
      help: 'Where your data is kept.',
      options: ['eu', 'us', 'apac'],
      default: 'eu',
    }),
    field('SigningSecret', { label: 'Signing secret', secret: true }),
    field('Workspace', { required: false }),
    field('Notes', { label: 'Notes for auditors', required: false, multiline: true }),
  ],
  Parrotmail: [field('DataCentre', { label: 'Data centre' })],
  Zenodesk: [field('Subdomain')],
  Shopwell: [field('Shop', { label: 'Shop name', help: 'As in shop-name.shopwell.example.' })],
  Quartz: [field('ClientId', { label: 'Client ID' }), field('ClientSecret', { label: 'Client secret', secret: true })],
  Sugarloaf: [field('Username'), field('Password', { secret: true })],
  Weathervane: [field('Station', { label: 'Station code' })],
};

test.each(catalogue.map(({ key }) => key))(
  'a connector of the sandbox is read with all its fields: %s',
  async (name) => {
    const { cyclr, key, stored } = await scene(name);
    const { definition, partnerIntegration, storedAuthValue } = catalogue.find((entry) => entry.key === name)!;

    const connector = await cyclr.getAccountConnector(key);

    expect(connector).toStrictEqual({
      name: definition.Name,
      ...(definition.Description !== null && 'Description' in definition && { description: definition.Description }),
      ...(typeof definition.Icon === 'string' && { icon: expect.stringMatching(/^data:image\//) }),
      authType: definition.AuthType,
      ...(definition.OAuth2Type && { oauth2Type: definition.OAuth2Type }),
      ...(definition.AuthDescription ? { authDescription: definition.AuthDescription } : {}),
      partnerSupplied: partnerIntegration,
      authenticated: storedAuthValue !== undefined,
      fields: fields[name] ?? [],
    });
    expect(stored().Id).toBe(key.connectorId);
  },
);

test('a connector of the sandbox is read without any stored value', async () => {
  const { cyclr, key, sandbox } = await scene('Kestrel');
  const [authValue, secret, plain] = ['auth-value-4711', 'signing-secret-4712', 'environment-4713'];
  sandbox.update(ACCOUNT, key.connectorId, {
    AuthValue: authValue,
    Authenticated: true,
    Properties: [
      { Name: 'SigningSecret', Value: secret },
      { Name: 'Environment', Value: plain },
      { Name: 'PartnerKey', Value: `partner-${secret}` },
    ],
  });

  const connector = await cyclr.getAccountConnector(key);

  const text = JSON.stringify(connector);
  expect(leaks(text, authValue, secret, plain)).toEqual([]);
  expect(text).not.toMatch(/AuthValue|Triggers|List workspaces|PartnerKey|ApiVersion|ContactId/);
  expect(connector.fields.filter(({ stored }) => stored).map(({ name }) => name)).toEqual([
    'Environment',
    'SigningSecret',
  ]);
});
