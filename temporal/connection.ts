/**
 * Connections to Temporal by the standard TEMPORAL_* variables and profiles, with a time limit for the first connect.
 */
import { Connection, isGrpcDeadlineError, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker'; // only the type: the native module is for workers
import { ConfigError, readEnvironmentNow, setVariables, temporalEnvironment } from './environment';
import { interceptors } from './grpc-retry';

/** Default time limit of the first connect. */
export const CONNECT_MS = 10_000;

/**
 * The longest pause between two tries to connect is 5 s here. By default a gRPC channel waits up to two minutes
 * (grpc-js 1.14).
 */
const channelArgs = { 'grpc.max_reconnect_backoff_ms': 5_000 };

/** A Temporal server and a namespace on it. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  connectionOptions: NativeConnectionOptions;
}

/** Temporal can't be reached, or refuses the connection. The message names the address and holds no secret. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/**
 * The server that TEMPORAL_* or the TOML profile names; otherwise `localhost:7233` and the namespace `default`. Fails
 * with a {@link ConfigError} that names each wrong variable, or the profile.
 */
export function temporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  const checked = readEnvironmentNow(temporalEnvironment, env);
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
      overrideEnvVars: { ...setVariables(env), ...setVariables(checked) },
    });
    const address = connectionOptions.address ?? 'localhost:7233';
    return { address, namespace, connectionOptions: { ...connectionOptions, address } };
  } catch (err) {
    throw new ConfigError(
      `The Temporal settings (TEMPORAL_*, or the file TEMPORAL_CONFIG_FILE) can't be read: ${textOf(err)}`,
    );
  }
}

/** A client's connection. Tries for `withinMs`, because the server may be starting. Fails: TemporalUnavailable. */
export async function connect(target: TemporalTarget, withinMs = CONNECT_MS): Promise<Connection> {
  const { connectionOptions } = target;
  const connection = Connection.lazy({ ...connectionOptions, channelArgs, interceptors, connectTimeout: withinMs });
  try {
    await connection.ensureConnected();
    return connection;
  } catch (err) {
    await connection.close(); // otherwise a failed connection stays open and tries again (SDK 1.24)
    throw unavailable(target, isDeadline(err) ? `does not answer within ${withinMs / 1000} s` : refusalOf(err));
  }
}

/**
 * As {@link connect}, but fails at once if the port is closed or the host name is unknown. For the command line;
 * worker and service wait, because the server may be starting.
 */
export async function connectAtOnce(target: TemporalTarget): Promise<Connection> {
  const { connectionOptions } = target;
  const probe = Connection.lazy({ ...connectionOptions, interceptors: [] }); // no retries
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

/** Makes the error with which {@link connect} fails. `reason` follows the address in the message. */
export function unavailable({ address }: TemporalTarget, reason: string): TemporalUnavailable {
  return new TemporalUnavailable(
    `Temporal at ${address} ${reason}. Start it, or set TEMPORAL_ADDRESS (with TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_*) to another server.`,
  );
}

const isDeadline = (err: unknown) =>
  isGrpcDeadlineError(err) || (err instanceof Error && err.message.includes('deadline'));

/** The reason of a refused connection, in the server's words. */
export function refusalOf(err: unknown): string {
  const cause = err instanceof ServiceError ? err.cause : err;
  return `refuses the connection (${isGrpcServiceError(cause) ? cause.details : textOf(cause)})`;
}

/** The first line only: the next lines of a TOML error quote the profile, which can hold a key. */
const textOf = (err: unknown) => (err instanceof Error ? err.message : String(err)).split('\n')[0];
