/** Runs the command line with real streams, and with a fake library that records the calls. */
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Flows, Host, Server } from '../../cli/cli';
import { run } from '../../cli/run';
import { stackFile, type LocalStack } from '../../temporal/local-stack';
import { temporaryFolder, write } from '../scripts/parts/scene';
import type { CredentialInput, PropertyInput, View } from '../../workflows/messages';

export const SECRET = 'hunter2-marked-secret';

/** Makes a view with the members of `parts`, and with default values for the members that `parts` lacks. */
export const viewOf = (parts: Partial<View> = {}): View => ({
  accountId: 'acme',
  connectorId: 42,
  runId: 'run-1',
  intent: 'authenticate',
  state: 'awaitingCredentials',
  connector: { name: 'HubSpot', authType: 'ApiKey', partnerSupplied: false },
  since: '2026-01-31T12:00:00.000Z',
  revision: 3,
  ...parts,
});

/** A call to the library. */
export interface Call {
  name: string;
  args: unknown[];
}

const never = (): never => {
  throw new Error('not expected to be called');
};

export function createFlows(answers: Partial<Flows>): { flows: Flows; calls: Call[] } {
  const calls: Call[] = [];
  const names = [
    'start',
    'view',
    'timeline',
    'timelineEntries',
    'result',
    'submitProperties',
    'submitCredentials',
    'recheck',
    'flows',
    'batch',
    'latestRun',
    'requestAuthorization',
    'confirmAuthorization',
    'cancel',
    'startOnboarding',
    'onboarding',
    'onboardingChanges',
    'events',
    'event',
    'redeliver',
    'connections',
    'monitor',
    'audit',
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
  name?: string;
  answers?: Partial<Flows>;
  /** The fake Temporal server that `doctor` calls. */
  server?: Server;
  /**
   * A function that connects to real servers. If this function is set, the command line does not use `answers` and
   * `server`.
   */
  connect?: Host['connect'];
  /** The content of standard input. With `terminal`, the keys that the user presses. */
  input?: string | Buffer;
  terminal?: boolean;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  signal?: AbortSignal;
  /** The stream of standard error, for a test that reads it during the command. */
  stderr?: PassThrough;
}

const noServer: Server = {
  get services() {
    return never();
  },
  address: '127.0.0.1:1',
  namespace: 'default',
};

/** Runs the command line `argv`, and waits until the command has ended. */
export async function cli(argv: string[], scene: Scene = {}) {
  const { flows, calls } = createFlows(scene.answers ?? {});
  const stdin = Object.assign(new PassThrough(), { isTTY: scene.terminal, setRawMode: () => stdin });
  stdin.write(scene.input ?? '');
  if (!scene.terminal) stdin.end();
  const [stdout, stderr] = [new PassThrough(), scene.stderr ?? new PassThrough()];
  let closed = 0;
  const histories = async function* () {};
  const exitCode = await run(argv, {
    name: scene.name ?? 'cyclr-connect',
    version: '1.2.3',
    stdin,
    stdout,
    stderr,
    signal: scene.signal ?? new AbortController().signal,
    env: scene.env ?? {},
    cwd: scene.cwd ?? '/nowhere',
    connect:
      scene.connect ??
      (async () => ({ flows, histories, server: scene.server ?? noServer, close: async () => void closed++ })),
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

/** Returns the input of the first call of the method `name`. */
export const inputOf = (calls: Call[], name: string) =>
  calls.find((call) => call.name === name)!.args[1] as PropertyInput & CredentialInput;

const textIn = (stream: PassThrough): string => String(stream.read() ?? '');

/** A folder with the stack file of a running local stack. */
export function folderOfStack(parts: Partial<LocalStack> = {}): string {
  const folder = temporaryFolder();
  const stack: LocalStack = {
    pid: process.pid,
    taskQueue: 'connector-auth-local',
    temporal: { address: '127.0.0.1:1', namespace: 'default' },
    cyclr: { url: 'http://127.0.0.1:2', serviceUrl: 'http://127.0.0.1:2', sandbox: true },
    sealingKeys: 'keys.json',
    service: { url: 'http://127.0.0.1:3', apiKey: 'key' },
    ...parts,
  };
  write(stackFile(join(folder, '.data')), JSON.stringify(stack));
  return folder;
}
