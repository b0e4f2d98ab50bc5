import { z } from 'zod';
import { environment as cli } from '../../cli/config';
import { environment as sandbox } from '../../sandbox/environment';
import { temporalEnvironment } from '../../temporal/environment';
import { environment as service } from '../../service/config';
import { environment as worker } from '../../worker/config';
import { programsEnvironment, startEnvironment } from '../environment';

/** Each process with the schema of its environment variables. */
const schemas: [process: string, schema: z.ZodObject][] = [
  ['all', temporalEnvironment],
  ['worker', worker],
  ['service', service],
  ['command line', cli],
  ['sandbox', sandbox],
  ['npm start', startEnvironment],
  ['scripts, tests', programsEnvironment],
];

const header = `# Configuration

Each process reads environment variables when it starts, and names all faults in one message. An empty variable counts as
not set. \`npm run configuration\` writes this page from the schemas that check the variables.

Where the table says "Or \`NAME_FILE\`", the variable \`NAME_FILE\` can name a file that holds the value of \`NAME\`. With a file,
the value is neither in the environment nor on a command line. A process refuses to start if both variables are set, or if the
file is empty.

In the column "Process", "all" stands for every process that connects to Temporal: worker, service, command line and
scripts. Do not put secrets into files of the repository.
`;

/** Returns the text of docs/configuration.md. Fails if an environment variable has no description or no example. */
export function configurationReference(): string {
  const rows = schemas.flatMap(([process, schema]) => rowsOf(process, schema));
  return `${header}\n${table([['Variable', 'Process', 'Meaning', 'Example', 'Default'], ...rows])}`;
}

/** The value that the Zod schema of an environment variable passes to `.meta()`. */
interface Meta {
  description?: string;
  example?: string;
  /** The text of the column "Default", for an environment variable whose schema has no default. */
  default?: string;
  secret?: boolean;
  /** True if NAME_FILE can name a file with the value. */
  file?: boolean;
}

function rowsOf(process: string, schema: z.ZodObject): string[][] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(schema.shape).map(([name, variable]) => {
    const {
      description,
      example,
      secret,
      file,
      default: value = defaultIn(properties[name]),
    } = (variable.meta() ?? {}) as Meta;
    if (!description || !example) throw new Error(`${name} of ${process} has no description or no example`);
    const otherwise = required.includes(name) ? 'required' : value && code(value);
    const meaning = `${secret ? 'Secret. ' : ''}${description}${file ? ` Or ${code(`${name}_FILE`)}.` : ''}`;
    return [code(name), process, meaning, code(example), otherwise ?? ''];
  });
}

const defaultIn = (property: unknown) => (property as { default?: string }).default;

const code = (text: string): string => `\`${text}\``;

/** Returns a Markdown table as prettier formats it. The first row is the header. */
function table(rows: string[][]): string {
  const [first = [], ...rest] = rows;
  const widths = first.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('');
}
