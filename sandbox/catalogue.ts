import { crc32, deflateSync } from 'node:zlib';
import { catalogueOf, property, type CatalogueEntry } from './definition';
import { badRequest } from './refusal';

/** An icon of one transparent pixel. */
const pixelIcon =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/**
 * The connectors of the sandbox, one or more of each auth type. Add new connectors at the end, because the ids follow
 * the order.
 */
export const catalogue: readonly CatalogueEntry[] = catalogueOf({
  Brightdesk: {
    Description: 'Customer support and ticketing.',
    Icon: letterIcon('B', '#0b7'),
    AuthType: 'ApiKey',
    AuthDescription: 'Sign in to Brightdesk and open Profile Settings. Your API key is below the password form.',
    Categories: ['Help Desk'],
    Parameters: [],
  },
  Fernhill: {
    Description: 'Invoices and payments for small firms.',
    AuthType: 'ApiKey',
    AuthDescription: 'Your API key is under Company > Integrations.',
    Parameters: [
      property('Domain', {
        DisplayName: 'Company domain',
        Description: 'The first part of your address: acme for acme.fernhill.example.',
      }),
    ],
  },
  Kestrel: {
    Description: 'A CRM with a setting for everything.',
    AuthType: 'ApiKey',
    AuthScheme: 'Token',
    // The trigger of the property Workspace is missing here, because each read of the connector would call the trigger.
    // The tests that need this trigger add it to the connector.
    Triggers: [{ Id: 7, Name: 'List contacts' }],
    Authentication: [
      {
        Id: '5f2b1c9e-7a34-4d0b-9d52-0b6f6f3f1a10',
        AuthName: 'API key',
        AuthDescription: null,
        AuthType: 'ApiKey',
        OAuth2Type: null,
        AuthScheme: 'Token',
      },
      { Id: 'c2b7f0aa-1be5-4f3e-8a43-5c1de0f5d9b7', AuthName: 'OAuth 2', AuthType: 'OAuth2' },
    ],
    Parameters: [
      property('Notes', { IsOptional: true, Multiline: true, DisplayName: 'Notes for auditors', DisplayOrder: 7 }),
      property('SigningSecret', { IsSensitive: true, DisplayName: 'Signing secret', DisplayOrder: 3 }),
      property('Region', {
        IsOptional: true,
        Values: ['eu', 'us', 'apac'],
        DefaultValue: 'eu',
        Description: 'Where your data is kept.',
        DisplayOrder: 2,
      }),
      property('Environment', {
        Values: [{ Value: 'production' }, { Value: 'staging' }],
        DefaultValue: 'production',
        DisplayOrder: 1,
      }),
      property('Workspace', { IsOptional: true, TriggerName: 'List workspaces', DisplayOrder: 4 }),
      property('PartnerKey', { IsPartnerProperty: true, IsSensitive: true, DisplayOrder: 5 }),
      property('ApiVersion', { Hidden: true, DefaultValue: '2', DisplayOrder: 6 }),
      { TargetName: 'ContactId', Name: 'Contact', TargetType: 'MergeField', IsAccountConnectorProperty: false },
    ],
  },
  Plainfield: {
    Description: 'A weather archive. Its definition has no parameters.',
    AuthType: 'ApiKey',
  },
  Nullarbor: {
    AuthType: 'ApiKey',
    Categories: null,
    Triggers: null,
    Parameters: null,
    Authentication: null,
  },
  Parrotmail: {
    Description: 'Newsletters. Cyclr looks the data centre up as soon as the key is stored.',
    AuthType: 'ApiKey',
    Parameters: [property('DataCentre', { DisplayName: 'Data centre' })],
    filledByCyclr: { DataCentre: 'us21' },
  },
  Zenodesk: {
    Description: 'Tickets, chats and calls.',
    Icon: pixelIcon,
    AuthType: 'Basic',
    AuthDescription: 'The user name is your address followed by /token, the password your API token.',
    // The parameter lacks IsOptional (so it is required), Name, DisplayName and other fields, as in some definitions of
    // Cyclr.
    Parameters: [{ TargetName: 'Subdomain', IsAccountConnectorProperty: true }],
  },
  Insightful: {
    Description: 'Project management.',
    AuthType: 'Basic',
    AuthDescription: 'Use your API key as the user name and leave the password blank.',
    Parameters: [],
  },
  Ledgerly: {
    Description: 'Bookkeeping.',
    AuthType: 'OAuth2',
    OAuth2Type: 'AuthorisationCode',
    AuthScheme: 'Bearer',
    Parameters: [],
  },
  Shopwell: {
    Description: 'Online shops.',
    Icon: letterIcon('S', '#73c'),
    AuthType: 'OAuth2',
    OAuth2Type: 'AuthorisationCode',
    Parameters: [property('Shop', { DisplayName: 'Shop name', Description: 'As in shop-name.shopwell.example.' })],
  },
  Chirper: {
    Description: 'Short messages.',
    AuthType: 'OAuth1',
  },
  Driftwood: {
    Description: 'File storage.',
    AuthType: 'OAuth2',
    OAuth2Type: 'Unknown',
    Parameters: null,
    Icon: undefined, // Icon and Description are absent here and not null
    AuthDescription: undefined,
  },
  Quartz: {
    Description: 'Analytics, for an OAuth app of your own.',
    AuthType: 'OAuth2',
    OAuth2Type: 'ClientCredentials',
    AuthDescription: 'Register an app in Quartz under Developer > Apps.',
    Parameters: [
      property('ClientId', { DisplayName: 'Client ID', DisplayOrder: 1 }),
      property('ClientSecret', { DisplayName: 'Client secret', IsSensitive: true, DisplayOrder: 2 }),
    ],
  },
  Sugarloaf: {
    Description: 'A CRM on your own server.',
    AuthType: 'OAuth2',
    OAuth2Type: 'PasswordCredentials',
    // The parameter Password has no IsSensitive, so only its name shows that it is a secret.
    Parameters: [property('Username'), { TargetName: 'Password', IsAccountConnectorProperty: true, IsOptional: null }],
  },
  Homeport: {
    Description: 'The product that embeds these integrations.',
    AuthType: 'OAuth2',
    OAuth2Type: 'AuthorisationCode',
    Parameters: [],
    partnerIntegration: true,
  },
  Openrates: {
    Description: 'Public exchange rates.',
    AuthType: 'None',
    Parameters: [],
  },
  Weathervane: {
    Description: 'Public weather reports.',
    AuthType: 'None',
    Parameters: [property('Station', { DisplayName: 'Station code' })],
  },
  Fieldstone: {
    Description: 'Land registry.',
    AuthType: 'AuthFields',
    Parameters: [],
  },
  Vaultline: {
    Description: 'Payments between banks.',
    AuthType: 'ClientCertificate',
    OAuth2Type: 'Unknown',
    Parameters: [],
  },
  Evergreen: {
    Description: 'Subscriptions. Authenticated when it was installed.',
    AuthType: 'ApiKey',
    Parameters: [],
    storedAuthValue: 'evergreen-key-4711',
  },
  Posterity: {
    Description: 'Large pictures.',
    Icon: heavyIcon(),
    AuthType: 'ApiKey',
    Parameters: [],
  },
  Longname: {
    Name: 'Überseehandel – 海外貿易 – Čeština & Ελληνικά 🚢 '.repeat(7).trim(),
    Description: 'A name longer than a database column.',
    AuthType: 'ApiKey',
    Parameters: [],
  },
});

/**
 * Returns the entry with this key, connector name or connector id. Fails: a Refusal (400) if there is no such entry.
 */
export function entryOf(wanted: string | number): CatalogueEntry {
  const entry = catalogue.find(
    ({ key, definition }) => key === wanted || definition.Name === wanted || definition.Id === wanted,
  );
  if (!entry) throw badRequest(`The catalogue has no connector '${wanted}'.`);
  return entry;
}

/** Returns a small icon that shows a letter, as a `data:` URI. */
function letterIcon(letter: string, colour: string): string {
  return svg(
    `<circle cx="32" cy="32" r="32" fill="${colour}"/>` +
      `<text x="32" y="44" font-family="sans-serif" font-size="36" text-anchor="middle" fill="#fff">${letter}</text>`,
  );
}

/**
 * Returns a PNG of 120 KB, without compression. This icon is too large for a view, like the usual icons of Cyclr (PNG
 * of 400 × 400).
 */
function heavyIcon(): string {
  const size = 200;
  const row = (y: number) => [0, ...Array.from({ length: size }, (_, x) => [x, y, 160]).flat()];
  const pixels = Buffer.from(Array.from({ length: size }, (_, y) => row(y)).flat());
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2], 8); // eight bits for each of red, green and blue
  const chunks = [pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(pixels, { level: 0 })), pngChunk('IEND')];
  const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
  return `data:image/png;base64,${png.toString('base64')}`;
}

function pngChunk(type: string, content: Buffer = Buffer.alloc(0)): Buffer {
  const [length, checksum, body] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.concat([Buffer.from(type), content])];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function svg(content: string): string {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">${content}</svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(text).toString('base64')}`;
}
