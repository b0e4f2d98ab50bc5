/** Connects to Temporal by the standard TEMPORAL_* variables and profiles, with a time limit for the first connect. */
import { Connection, isGrpcDeadlineError, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker'; // only the type is imported, because only workers need the native module
import { ConfigError, readEnvironmentNow, setVariables, temporalEnvironment } from './environment';
import { interceptors } from './grpc-retry';

/** The default time limit of the first connect, in milliseconds. */
export const CONNECT_MS = 10_000;

/**
 * Limits the pause between two tries to connect to 5 s. By default, the pauses of a gRPC channel grow to two minutes
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
 * The server that TEMPORAL_* or the TOML profile names. Without these settings, `localhost:7233` and the namespace
 * `default`. Fails with a {@link ConfigError} that names each wrong variable, or the profile.
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
 * Connects as {@link connect} does, but fails at once if the port is closed, the host name is unknown, or the TLS
 * handshake fails. Only the command line uses this function. Worker and service wait, because the server may be
 * starting.
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

/**
 * Only the first line of the message, because the next lines of a TOML error quote the profile, which can hold a key.
 */
const textOf = (err: unknown) => (err instanceof Error ? err.message : String(err)).split('\n')[0];
