/** The command line with real streams and a library that only remembers. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Flows } from '../../cli/command';
import { run } from '../../cli/run';
import type { CredentialInput, PropertyInput, View } from '../../workflows/messages';

export const SECRET = 'hunter2-marked-secret';

/** A view as a flow would answer it. */
export const viewOf = (parts: Partial<View> = {}): View => ({
  accountId: 'acme',
  connectorId: 42,
  runId: 'run-1',
  intent: 'authenticate',
  state: 'awaitingCredentials',
  connector: { name: 'HubSpot', authType: 'ApiKey', partnerSupplied: false },
  revision: 3,
  ...parts,
});

/** What the library was called with, besides the connector. */
export interface Calls {
  name: string;
  args: unknown[];
}

const never = (): never => {
  throw new Error('not expected to be called');
};

export function createFlows(answers: Partial<Flows>): { flows: Flows; calls: Calls[] } {
  const calls: Calls[] = [];
  const names = [
    'start',
    'view',
    'timeline',
    'timelineEntries',
    'result',
    'submitProperties',
    'submitCredentials',
    'requestAuthorization',
    'confirmAuthorization',
    'cancel',
  ] as const;
  const recorded = names.map((name) => [
    name,
    (...args: never[]) => {
      calls.push({ name, args });
      return ((answers[name] ?? never) as (...args: never[]) => unknown)(...args);
    },
  ]);
  return { flows: Object.fromEntries(recorded) as Flows, calls };
}

export interface Scene {
  answers?: Partial<Flows>;
  /** What stands on standard input; with `terminal` what is typed there. */
  input?: string | Buffer;
  terminal?: boolean;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  signal?: AbortSignal;
  connect?: () => Promise<never>;
}

/** Runs one command line to its end. */
export async function cli(argv: string[], scene: Scene = {}) {
  const { flows, calls } = createFlows(scene.answers ?? {});
  const stdin = Object.assign(new PassThrough(), { isTTY: scene.terminal, setRawMode: () => stdin });
  stdin.write(scene.input ?? '');
  if (!scene.terminal) stdin.end();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let closed = 0;
  const histories = async function* () {};
  const connect = async () => ({ flows, histories, close: async () => void closed++ });
  const exitCode = await run(argv, {
    stdin,
    stdout,
    stderr,
    signal: scene.signal ?? new AbortController().signal,
    env: scene.env ?? {},
    cwd: scene.cwd ?? '/nowhere',
    connect: scene.connect ?? connect,
  });
  return {
    exitCode,
    stdout: textIn(stdout),
    stderr: textIn(stderr),
    calls,
    closed,
    inputRead: stdin.readableLength === 0,
  };
}

/** The input that a call of this name was made with. */
export const inputOf = (calls: Calls[], name: string) =>
  calls.find((call) => call.name === name)!.args[1] as PropertyInput & CredentialInput;

const textIn = (stream: PassThrough): string => String(stream.read() ?? '');

/** Waits until a stream has said something that matches. */
export async function said(stream: PassThrough, pattern: RegExp): Promise<string> {
  let text = '';
  while (!pattern.test(text)) {
    if (stream.readableLength === 0) await once(stream, 'readable');
    text += textIn(stream);
  }
  return text;
}
