/**
 * The options that Cyclr's triggers list for the fields of a connector. Options are only suggestions, because the user
 * can type another value.
 */
import type { Connector } from '../../workflows/connector';
import type { Draft } from './wire';

/**
 * The highest number of triggers that one read of a connector runs. The number is limited, because each trigger is a
 * call to the third party.
 */
const MAX_TRIGGERS = 5;

/**
 * Returns the connector with the options that its triggers list. `run` runs one trigger and returns its options. If a
 * trigger fails, its field gets no options.
 */
export async function withOptions(
  { connector, triggers }: Draft,
  run: (triggerId: string) => Promise<string[] | undefined>,
): Promise<Connector> {
  const ids = [...new Set(triggers.values())].slice(0, MAX_TRIGGERS);
  const answers = await Promise.all(ids.map((id) => run(id).catch(() => undefined)));
  const found = new Map(ids.map((id, index) => [id, answers[index]]));
  const fields = connector.fields.map((field) => {
    const options = found.get(triggers.get(field.name) ?? '');
    return options ? { ...field, options } : field;
  });
  return { ...connector, fields };
}
