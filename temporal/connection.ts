/** How every process reaches Temporal: the standard TEMPORAL_* variables and profiles, and a bounded first connect. */
import { Connection, isGrpcDeadlineError, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker'; // a type: the native module is for workers alone
import { interceptors } from './grpc-retry';

/** How long a first connect may take, if nobody says otherwise. */
export const CONNECT_MS = 10_000;

/** gRPC leaves up to two minutes between two tries to connect: Temporal would be back long before anybody hears of it. */
const channelArgs = { 'grpc.max_reconnect_backoff_ms': 5_000 };

/** A Temporal server and a namespace on it. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  connectionOptions: NativeConnectionOptions;
}

/** Temporal can't be reached, or refuses us. The message names the address and holds no secret. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/**
 * What TEMPORAL_* and the TOML profile say; `localhost:7233` and namespace `default` where they say nothing. Fails
 * with one line where the profile or a certificate can't be read.
 */
export function temporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
      overrideEnvVars: withoutEmpty(env),
    });
    const address = connectionOptions.address ?? 'localhost:7233';
    return { address, namespace, connectionOptions: { ...connectionOptions, address } };
  } catch (err) {
    throw new Error(
      `The Temporal settings (TEMPORAL_*, or the file TEMPORAL_CONFIG_FILE) can't be read: ${textOf(err)}`,
    );
  }
}

/** A client's connection. Tries for `withinMs`, so that a server which is just starting is waited for. Fails: TemporalUnavailable. */
export async function connect(target: TemporalTarget, withinMs = CONNECT_MS): Promise<Connection> {
  const { connectionOptions } = target;
  const connection = Connection.lazy({ ...connectionOptions, channelArgs, interceptors, connectTimeout: withinMs });
  try {
    await connection.ensureConnected();
    return connection;
  } catch (err) {
    await connection.close(); // else it tries on for ever
    throw unavailable(target, isDeadline(err) ? `does not answer within ${withinMs / 1000} s` : refusalOf(err));
  }
}

/**
 * As {@link connect}, for a person who waits: fails at once where the port is closed or the host name is unknown. (A
 * worker or the service waits, because the server may be just starting.)
 */
export async function connectAtOnce(target: TemporalTarget): Promise<Connection> {
  const { connectionOptions } = target;
  const probe = Connection.lazy({ ...connectionOptions, interceptors: [] }); // without the interceptor that tries again
  try {
    await probe.withDeadline(Date.now() + CONNECT_MS, () => probe.workflowService.getSystemInfo({}));
  } catch (err) {
    const reason = isGrpcServiceError(err) && noServer.find(({ details }) => details.test(err.details));
    if (reason) throw unavailable(target, reason.text);
  } finally {
    await probe.close();
  }
  return connect(target);
}

const noServer = [
  { details: /ECONNREFUSED/, text: 'does not run (the port is closed)' },
  { details: /Name resolution failed/, text: 'is not found (the host name is unknown)' },
];

/** What `connect` fails with. */
export function unavailable({ address }: TemporalTarget, what: string): TemporalUnavailable {
  return new TemporalUnavailable(
    `Temporal at ${address} ${what}. Start it, or set TEMPORAL_ADDRESS (with TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_*) to another server.`,
  );
}

const isDeadline = (err: unknown) =>
  isGrpcDeadlineError(err) || (err instanceof Error && err.message.includes('deadline'));

/** Why a server said no, in its own words. */
export function refusalOf(err: unknown): string {
  const cause = err instanceof ServiceError ? err.cause : err;
  return `refuses the connection (${isGrpcServiceError(cause) ? cause.details : textOf(cause)})`;
}

/** One line: further ones quote the profile where it is no TOML, and there may be a key in it. */
const textOf = (err: unknown) => (err instanceof Error ? err.message : String(err)).split('\n')[0];

/** An empty variable counts as not set. */
const withoutEmpty = (env: NodeJS.ProcessEnv) =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])));
