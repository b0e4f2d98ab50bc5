/**
 * Limits the size that a connector has as JSON. A flow reads its connector several times, and Temporal keeps the result
 * of each read in the history.
 */
import type { Connector, Field } from '../../workflows/connector';
import { CyclrError } from './errors';

/** The highest size of a connector as JSON, in bytes. Temporal accepts 2 MB for a payload, and warns above 512 KiB. */
const MAX_CONNECTOR_LENGTH = 256 * 1024;

type Step = (connector: Connector) => Connector;

const eachField =
  (shorten: (field: Field) => Field): Step =>
  (connector) => ({ ...connector, fields: connector.fields.map(shorten) });

/**
 * The steps that make a connector smaller. Each step shortens or removes some parts of the connector. The steps run in
 * this order until the connector is small enough. No step removes a required field.
 */
const steps: Step[] = [
  eachField((field) => (field.help ? { ...field, help: cut(field.help, 200) } : field)),
  eachField((field) => (field.options ? { ...field, options: field.options.slice(0, 20) } : field)),
  eachField(({ help: _help, helpTexts: _helpTexts, ...field }) => field),
  eachField(({ options: _options, ...field }) => field),
  eachField(({ default: _default, ...field }) => field),
  ({ description: _description, authDescription: _authDescription, help: _help, ...connector }) => connector,
  eachField((field) => ({ ...field, label: cut(field.label, 60) })),
  ({ icon: _icon, ...connector }) => connector,
  withFewerOptionalFields,
];

/** Shortens a connector to at most 256 KiB of JSON. Fails: `tooLarge` if its required fields alone need more. */
export function bounded(whole: Connector): Connector {
  let connector = whole;
  for (const step of steps) {
    if (lengthOf(connector) <= MAX_CONNECTOR_LENGTH) return connector;
    connector = step(connector);
  }
  if (lengthOf(connector) <= MAX_CONNECTOR_LENGTH) return connector;
  throw new CyclrError(
    'tooLarge',
    `The connector has ${connector.fields.length} required properties, which need more than 256 KiB`,
  );
}

const lengthOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Shortens a text to `length` characters. Never cuts a surrogate pair, because half of a pair is no valid text. */
const cut = (text: string, length: number): string => [...text.slice(0, 2 * length)].slice(0, length).join('');

/** Keeps all required fields. Then adds the optional fields in display order, until the limit is reached. */
function withFewerOptionalFields(connector: Connector): Connector {
  const required = connector.fields.filter((field) => field.required);
  let room = MAX_CONNECTOR_LENGTH - lengthOf({ ...connector, fields: required });
  const fields = connector.fields.filter((field) => {
    if (!field.required) room -= lengthOf(field) + 1;
    return field.required || room >= 0;
  });
  return { ...connector, fields };
}
