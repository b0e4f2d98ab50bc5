/** The inputs of planned users: good values that contain test secrets, and inputs with each mistake. */
import { generateKey, publicKeyOf, type SealingKey } from '../../sealing/keys';
import type { Field } from '../../workflows/connector';
import type { Credentials } from '../../workflows/input';
import type { ProblemCode, View } from '../../workflows/view';
import { sealerOf, type Sealer } from '../user/transports';
import type { TestSecrets } from './secret-search';

/**
 * The mistakes that a planned user can make in a property input. The number of a mistake is its weight: a mistake with
 * a greater weight is drawn more often.
 */
export const propertyMistakes = {
  /** The first value begins with `wrong-`, so Cyclr refuses the value. */
  wrong: 3,
  /** A property that the connector does not have. */
  unknown: 1,
  /** A required property is left out. */
  missing: 1,
  /** A secret value is not sealed. */
  clear: 1,
  /** The values are sealed for one submission, and are sent in another submission. */
  foreign: 1,
} as const;
export type PropertyMistake = keyof typeof propertyMistakes;

/** The mistakes that a planned user can make in a credential input, each with its weight (see `propertyMistakes`). */
export const credentialMistakes = {
  wrong: 8,
  /** Credentials of another kind than the connector needs. */
  wrongKind: 3,
  clear: 3,
  /** The credentials are sealed for another connector. */
  foreign: 3,
  /** The credentials are sealed to a key that no worker has. */
  unknownKey: 1,
} as const;
export type CredentialMistake = keyof typeof credentialMistakes;

/**
 * The code with which a flow rejects an update with this mistake. A flow accepts an update with a mistake that has no
 * code here. An activity finds such a mistake when it handles the values.
 */
export const rejections: { readonly [mistake in PropertyMistake | CredentialMistake]?: ProblemCode } = {
  unknown: 'unknownProperty',
  missing: 'missingProperty',
  clear: 'notSealed',
};

/**
 * Returns the values that a user gives for the fields of the view. Each of these values contains `label`, so the values
 * of two submissions differ.
 */
export function valuesFor(
  { fields = [] }: View,
  secrets: TestSecrets,
  { label, mistake, optional }: { label: string; mistake?: PropertyMistake; optional: boolean },
): { values: { [name: string]: string }; good: { [name: string]: string } } {
  const asked = fields.filter(({ required }) => required || optional);
  const good = Object.fromEntries(
    asked.map(({ name, secret }) => [name, secret ? secrets.secret(`${label}-${name}`) : `${label}-${name}`]),
  );
  const [first] = asked;
  if (mistake === 'wrong' && first) {
    const { [first.name]: value, ...others } = good;
    return { values: { ...others, [first.name]: `wrong-${value}` }, good: others };
  }
  if (mistake === 'unknown') return { values: { ...good, constructor: 'anything' }, good };
  if (mistake !== 'missing') return { values: good, good };
  const { [asked.find(isMissing)?.name ?? '']: _missing, ...values } = good;
  return { values, good };
}

/**
 * True if the flow rejects an input without a value for this field: the field is required, and Cyclr has no stored
 * value for it.
 */
const isMissing = ({ required, stored }: Field): boolean => required && !stored;

/**
 * False if the view has no field for the mistake: `clear` needs a secret field, and `missing` needs a required field
 * without a stored value.
 */
export function isMistakeFor({ fields = [] }: View, mistake: PropertyMistake | undefined): boolean {
  if (mistake === 'clear') return fields.some(({ secret }) => secret);
  return mistake !== 'missing' || fields.some(isMissing);
}

/**
 * Returns the credentials that a user gives to a connector of this auth type, with the mistake `mistake` if it is set.
 */
export function credentialsFor(
  authType: string,
  secrets: TestSecrets,
  { label, mistake }: { label: string; mistake?: CredentialMistake },
): Credentials {
  const secret = (name: string) => secrets.secret(`${mistake === 'wrong' ? 'wrong-' : ''}${label}-${name}`);
  const wrongKind = authType === 'ApiKey' ? 'Basic' : 'ApiKey';
  switch (mistake === 'wrongKind' ? wrongKind : authType) {
    case 'ApiKey':
      return { kind: 'apiKey', key: secret('key') };
    case 'Basic':
      return { kind: 'basic', username: secret('user'), password: secret('password') };
    default:
      return { kind: 'tokens', accessToken: secret('access'), refreshToken: secret('refresh') };
  }
}

/** Returns a function that seals values as a client with this mistake does. */
export function sealerWith(mistake: PropertyMistake | CredentialMistake | undefined, publicKey: SealingKey): Sealer {
  const seal = sealerOf(publicKey);
  if (mistake === 'unknownKey') return async (text, binding) => sealerOf(await unknownKey())(text, binding);
  if (mistake === 'clear') return async (text, { purpose }) => (purpose === 'credentials' ? JSON.parse(text) : text);
  if (mistake !== 'foreign') return seal;
  return (text, { connectorId, ...binding }) =>
    binding.purpose === 'credentials'
      ? seal(text, { ...binding, connectorId: connectorId + 1 })
      : seal(text, { ...binding, connectorId, submissionId: 'another' });
}

const unknownKey = async () => publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
