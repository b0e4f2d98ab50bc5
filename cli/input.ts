/** Reads standard input: the whole text of a pipe or file, or the answers to questions on a terminal. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Cli } from './cli';
import { CliError } from './errors';

const MAX_INPUT_BYTES = 1024 * 1024;

/** The whole standard input as text. Fails: `malformed` if the input is over 1 MiB or not UTF-8. */
export async function readAll({ stdin }: Pick<Cli, 'stdin'>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > MAX_INPUT_BYTES) throw new CliError('malformed', 'standard input is over 1 MiB');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CliError('malformed', 'standard input is not UTF-8');
  }
}

/** Reads the whole standard input as {@link readAll} does, and removes one line break at the end. */
export const readValue = async (cli: Pick<Cli, 'stdin'>): Promise<string> => (await readAll(cli)).replace(/\r?\n$/, '');

/**
 * Reads the whole standard input as {@link readAll} does, and removes a byte order mark, which PowerShell adds. Fails:
 * `wrongUsage` if the input is empty.
 */
export async function readJsonText(cli: Pick<Cli, 'stdin'>): Promise<string> {
  const text = (await readAll(cli)).replace(/^\uFEFF/, '');
  if (text.trim() === '') throw new CliError('wrongUsage', 'no input: standard input is empty');
  return text;
}

export interface Question {
  label: string;
  /** The terminal does not show the answer. */
  hidden?: boolean;
  /** The answer can have several lines. An empty line ends the answer, and is not part of it. */
  multiline?: boolean;
}

/** Asks one question. The promise resolves with the answer, which can be empty. */
export type Ask = (question: Question) => Promise<string>;

/**
 * Runs `dialogue` with questions on the terminal, and restores the terminal. Questions go to stderr. The terminal shows
 * typed text only while a question without `hidden` waits for its answer. Fails: `interrupted` at Ctrl-C and Ctrl-D.
 */
export async function onTerminal<T>({ stdin, stderr, signal }: Cli, dialogue: (ask: Ask) => Promise<T>): Promise<T> {
  let shown = false;
  const echo = new Writable({
    write(chunk, _encoding, done) {
      if (shown) stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: stdin, output: echo, terminal: true, historySize: 0, signal });
  terminal.on('SIGINT', () => terminal.close());
  terminal.on('line', () => (shown = false)); // hide at once: the next line of a pasted text can be the answer to a hidden question
  const lines = terminal[Symbol.asyncIterator]();

  async function line(prompt: string, hidden = false): Promise<string> {
    shown = !hidden;
    if (hidden) stderr.write(prompt);
    terminal.setPrompt(hidden ? '' : prompt);
    terminal.prompt();
    const { value, done } = await lines.next();
    if (hidden || done) stderr.write('\n');
    if (done) throw new CliError('interrupted', 'nothing was sent');
    return value;
  }

  async function ask({ label, hidden, multiline }: Question): Promise<string> {
    const prompt = `${label}${hidden ? ' (hidden)' : ''}${multiline ? ' (end with an empty line)' : ''}: `;
    let answer = await line(prompt, hidden);
    if (!multiline || answer === '') return answer;
    for (let more = await line('', hidden); more !== ''; more = await line('', hidden)) answer += `\n${more}`;
    return answer;
  }

  try {
    return await dialogue(ask);
  } finally {
    terminal.close();
  }
}
