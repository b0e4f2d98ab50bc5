/** What a user types: good values, and every mistake. */
import { authValueOf } from '../../activities/credentials';
import { type Binding, seal } from '../../sealing/seal';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import type { ConnectorKey, Field, Sealed } from '../../workflows/connector';
import type { CredentialInput, Credentials, PropertyInput, View } from '../../workflows/messages';
import type { CredentialRound, PropertyRound } from './plan';
import type { World } from './world';

type Sender = Pick<World, 'mark' | 'publicKey'>;

/** Whose input it is, and under which id it goes. */
export interface Submission {
  key: ConnectorKey;
  submissionId: string;
  /** Part of every value, so that none is like another's. */
  label: string;
}

/** An input, with the values in it that Cyclr would take. */
export interface PropertyEntry {
  input: PropertyInput;
  good: { [name: string]: string };
}

/** The properties that somebody fills in: what is required, and the others where `optional`. */
export async function propertyEntry(
  sender: Sender,
  submission: Submission,
  { what, fields, optional }: { what: PropertyRound['what']; fields: Field[]; optional: boolean },
): Promise<PropertyEntry> {
  const { key, submissionId, label } = submission;
  const asked = fields.filter(({ required }) => required || optional);
  const good: { [name: string]: string } = {};
  const values: { [name: string]: Sealed | string } = {};
  for (const [index, { name, secret }] of asked.entries()) {
    const mine = secret ? sender.mark.secret(`${label}-${name}`) : `${label}-${name}`;
    const isMistake = what === 'wrong' && index === 0;
    const value = isMistake ? `wrong-${mine}` : mine;
    if (!isMistake) good[name] = value;
    const purpose = `property:${name}` as const;
    const sealedFor =
      what === 'foreign' ? { ...key, purpose, submissionId: 'another' } : { ...key, purpose, submissionId };
    const inClear = !secret || (what === 'clear' && index === asked.findIndex((field) => field.secret));
    values[name] = inClear && what !== 'foreign' ? value : await seal(value, sealedFor, sender.publicKey);
  }
  if (what === 'unknown') values['constructor'] = 'anything';
  if (what === 'missing') delete values[asked.find(({ required }) => required)?.name ?? ''];
  return { input: { submissionId, values, by: 'user' }, good };
}

/** Credentials of the kind that the connector asks for, and the `AuthValue` that they are where they are good ones. */
export async function credentialEntry(
  sender: Sender,
  submission: Submission,
  what: CredentialRound['what'],
  authType: string,
): Promise<{ input: CredentialInput; good?: string }> {
  const { key, submissionId, label } = submission;
  const secret = (name: string) => sender.mark.secret(`${what === 'wrong' ? 'wrong-' : ''}${label}-${name}`);
  const credentials = what === 'wrongKind' ? otherThan(authType, secret) : credentialsFor(authType, secret);
  const binding: Binding = {
    ...key,
    purpose: 'credentials',
    submissionId,
    ...(what === 'foreign' && { connectorId: key.connectorId + 1 }),
  };
  const publicKey = what === 'unknownKey' ? await unheldKey() : sender.publicKey;
  const sealed = await seal(JSON.stringify(credentials), binding, publicKey);
  return {
    input: { submissionId, credentials: what === 'clear' ? (credentials as never) : sealed, by: 'user' },
    ...(what === 'good' && { good: authValueOf(credentials) }),
  };
}

type Secret = (name: string) => string;

function credentialsFor(authType: string, secret: Secret): Credentials {
  if (authType === 'ApiKey') return { kind: 'apiKey', key: secret('key') };
  if (authType === 'Basic') return { kind: 'basic', username: secret('user'), password: secret('password') };
  return { kind: 'tokens', accessToken: secret('access'), refreshToken: secret('refresh') };
}

const otherThan = (authType: string, secret: Secret): Credentials =>
  credentialsFor(authType === 'ApiKey' ? 'Basic' : 'ApiKey', secret);

const unheldKey = async () => publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));

/** What a flow answers at once, and without a trace, to an update with this mistake. */
export const rejections: { [what: string]: string } = {
  unknown: 'unknownProperty',
  missing: 'missingProperty',
  clear: 'notSealed',
};

/** Whether a view asks for a secret property. */
export const asksForSecret = ({ fields = [] }: View): boolean => fields.some(({ secret }) => secret);
