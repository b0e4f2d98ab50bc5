import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Cli } from './command';
import { CliError } from './errors';

export interface Question {
  label: string;
  /** What is typed does not show. */
  hidden?: boolean;
  /** The answer is everything up to an empty line. */
  multiline?: boolean;
}

export type Ask = (question: Question) => Promise<string>;

/**
 * Lets `dialogue` ask on the terminal, by way of stderr, and gives the terminal back. What is typed shows only while
 * a question that is not hidden waits for it. Fails: `interrupted` at Ctrl-C and Ctrl-D.
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
  terminal.on('line', () => (shown = false)); // at once: what is pasted behind it can be the next, hidden answer
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
