import type { Readable, Writable } from 'node:stream';
import type { ConnectorAuth } from '../client/connector-auth';
import type { RunHistory } from '../temporal/replay';
import type { TemporalServices } from '../temporal/search-attributes';
import type { ExitCode } from './errors';

/** The methods of the library. This type has no private members, so that a test can pass a fake library. */
export type Flows = Pick<ConnectorAuth, keyof ConnectorAuth>;

/** A Temporal server and a namespace on it. */
export interface Server {
  services: TemporalServices;
  address: string;
  namespace: string;
}

/** A connection to Temporal. */
export interface Connected {
  flows: Flows;
  server: Server;
  /** The histories of all runs that a visibility query finds, in the order of Temporal's list. */
  histories(query: string): AsyncIterable<RunHistory>;
  close(): Promise<void>;
}

/** The process that runs the command line. */
export interface Host {
  /** The command that starts this program in the user's shell, for help texts and hints. */
  name: string;
  version: string;
  stdin: Readable & { isTTY?: boolean };
  /** The stream of the results. Hints and errors go to stderr. */
  stdout: Writable;
  stderr: Writable;
  /** Aborts at Ctrl-C. */
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  cwd: string;
  connect(): Promise<Connected>;
}

/** The streams, settings and connections that a command uses. */
export interface Cli extends Omit<Host, 'connect'> {
  /** The exit code of a command that ends without an error. 0, unless the command sets another exit code. */
  exitCode: ExitCode;
  /** Returns the library. Connects to Temporal at the first call. */
  flows(): Promise<Flows>;
  /** Returns the Temporal server of the connection. Connects to Temporal at the first call. */
  server(): Promise<Server>;
  /** Returns the histories as {@link Connected.histories} does. Connects to Temporal at the first call. */
  histories: Connected['histories'];
}
