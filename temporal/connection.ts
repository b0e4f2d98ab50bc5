/** Connects to Temporal by the standard TEMPORAL_* variables and profiles, with a time limit for the first connect. */
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { Connection, isGrpcDeadlineError, isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker'; // only the type is imported, because only workers need the native module
import { ConfigError, readEnvironmentNow, setVariables, temporalEnvironment } from './environment';
import { interceptors } from './grpc-retry';
import { payloadCodecsOf } from './payload-codecs';

/** The default time limit of the first connect, in milliseconds. */
export const CONNECT_MS = 10_000;

/**
 * The pause between two tries of a connection is at most 5 s. By default, the pauses of a gRPC channel grow to two
 * minutes (grpc-js 1.14).
 */
const channelArgs = { 'grpc.max_reconnect_backoff_ms': 5_000 };

/** A Temporal server and a namespace on it. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  connectionOptions: NativeConnectionOptions;
  /** The operator's payload codecs, for clients and workers. */
  dataConverter?: { payloadCodecs: PayloadCodec[] };
}

/** Temporal can't be reached, or refuses the connection. The message names the address and holds no secret. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable';
}

/** The address of the Temporal server if no setting names a server. */
export const DEFAULT_ADDRESS = 'localhost:7233';

/**
 * The server that TEMPORAL_* or the TOML profile names. Without these settings, `localhost:7233` and the namespace
 * `default`. Fails with a {@link ConfigError} that names each wrong variable, or the profile.
 */
export function temporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  const variables = { ...setVariables(env), ...setVariables(readEnvironmentNow(temporalEnvironment, env)) };
  const { connectionOptions, namespace = 'default' } = settingsOf(variables);
  checkCertificates(connectionOptions.tls, variables);
  const address = connectionOptions.address ?? DEFAULT_ADDRESS;
  const payloadCodecs = payloadCodecsOf(variables);
  return {
    address,
    namespace,
    connectionOptions: { ...connectionOptions, address },
    ...(payloadCodecs && { dataConverter: { payloadCodecs } }),
  };
}

function settingsOf(overrideEnvVars: { [name: string]: string }) {
  try {
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (err) {
    throw new ConfigError(
      `The Temporal settings (TEMPORAL_*, or the file TEMPORAL_CONFIG_FILE) can't be read: ${textOf(err)}`,
    );
  }
}

/**
 * Fails with a {@link ConfigError} if the client certificate has no key, or if certificates and key can't be used
 * together. Without this check, the SDK would send no certificate, or would fail with a text from OpenSSL.
 */
function checkCertificates(tls: NativeConnectionOptions['tls'], variables: { [name: string]: string }): void {
  if (typeof tls !== 'object' || tls === null) return;
  const { clientCertPair: pair, serverRootCACertificate: ca } = tls;
  const halves = Object.keys(variables).filter((name) => /^TEMPORAL_TLS_CLIENT_(CERT|KEY)_(PATH|DATA)$/.test(name));
  if (!pair && halves.length > 0)
    throw new ConfigError(`${halves.join(', ')}: set both a certificate and its key, TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH`); // prettier-ignore
  try {
    createSecureContext({ ca: ca && Buffer.from(ca), cert: pair && Buffer.from(pair.crt), key: pair && Buffer.from(pair.key) }); // prettier-ignore
  } catch (err) {
    const reason = (err as Error).message.split(':').pop(); // such as "key values mismatch"
    throw new ConfigError(`The certificates or the key in TEMPORAL_TLS_* (or in the profile) can't be used: ${reason}`);
  }
}

/**
 * Connects a client to Temporal. Tries to connect for at most `withinMs` milliseconds, because the server may be
 * starting. Fails at once if the TLS handshake fails. Fails: TemporalUnavailable.
 */
export async function connect(target: TemporalTarget, withinMs = CONNECT_MS): Promise<Connection> {
  const { connectionOptions } = target;
  if (usesTls(target)) await checkHandshake(target, tlsFaults);
  const connection = Connection.lazy({ ...connectionOptions, channelArgs, interceptors, connectTimeout: withinMs });
  try {
    await connection.ensureConnected();
    return connection;
  } catch (err) {
    await connection.close(); // without this call, a failed connection stays open and tries again (SDK 1.24)
    if (!isDeadline(err)) throw unavailable(target, refusalOf(err));
    await checkHandshake(target, [...tlsFaults, closedBy(target)]);
    throw unavailable(target, `does not answer within ${withinMs / 1000} s`);
  }
}

/**
 * Connects as {@link connect} does, but fails at once if the port is closed, the host name is unknown, or the TLS
 * handshake fails. Only the command line uses this function. Worker and service wait, because the server may be
 * starting.
 */
export async function connectAtOnce(target: TemporalTarget): Promise<Connection> {
  const details = await failureOf(target, CONNECT_MS);
  failByFault(target, details, noServer);
  const closed = closedBy(target);
  if (closed.details.test(details)) await delay(AGAIN_MS).then(() => checkHandshake(target, [closed]));
  return connect(target);
}

/** Makes one call without a retry. Returns the error text of the call, or an empty text if the call succeeds. */
async function failureOf({ connectionOptions }: TemporalTarget, withinMs: number): Promise<string> {
  const probe = Connection.lazy({ ...connectionOptions, interceptors: [] });
  try {
    await probe.withDeadline(Date.now() + withinMs, () => probe.workflowService.getSystemInfo({}));
    return '';
  } catch (err) {
    return isGrpcServiceError(err) ? err.details : '';
  } finally {
    await probe.close();
  }
}

const noServer: readonly Fault[] = [
  { details: /ECONNREFUSED/, fault: 'does not run (the port is closed)' },
  { details: /Name resolution failed/, fault: 'is not found (the host name is unknown)' },
];

const HANDSHAKE_MS = 2_000;
/** If the server closes the first connection, the second try starts after this time. */
const AGAIN_MS = 1_000;

interface Fault {
  /** Matches the error text of the failed call. */
  details: RegExp;
  fault: string;
  /** Default: {@link START}. */
  remedy?: string;
}

/**
 * Makes one call. Fails if the error text of this call matches one of `faults`. Does nothing if the call succeeds, or
 * fails for another reason.
 */
async function checkHandshake(target: TemporalTarget, faults: readonly Fault[]): Promise<void> {
  failByFault(target, await failureOf(target, HANDSHAKE_MS), faults);
}

/** Fails if `details`, the text of a failed call, matches one of the faults. */
function failByFault(target: TemporalTarget, details: string, faults: readonly Fault[]): void {
  const found = faults.find((fault) => fault.details.test(details));
  if (found) throw unavailable(target, found.fault, found.remedy);
}

const CLIENT_VARIABLES = 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH';
/** The faults of a TLS handshake that another try can't mend. */
const tlsFaults: readonly Fault[] = [
  {
    details: /alert (certificate|bad certificate|unknown ca|handshake failure)/,
    fault: 'refuses the client certificate, or needs one',
    remedy: `Check ${CLIENT_VARIABLES}.`,
  },
  {
    details: /altnames/,
    fault: 'has a certificate for another host name',
    remedy: 'Check TEMPORAL_ADDRESS and TEMPORAL_TLS_SERVER_NAME.',
  },
  {
    details: /certificate/,
    fault: 'has a certificate that this process does not trust',
    remedy: 'Check TEMPORAL_TLS_SERVER_CA_CERT_PATH.',
  },
  {
    details: /wrong version number|packet length/,
    fault: 'speaks no TLS',
    remedy: 'Unset TEMPORAL_TLS, the variables TEMPORAL_TLS_* and TEMPORAL_API_KEY.',
  },
];
/**
 * The fault of a server that closes the connection before its first answer. Such a server may expect TLS, or may not
 * know the authority of the client certificate. A server that is starting or stopping closes connections, too.
 */
const closedBy = (target: TemporalTarget): Fault => ({
  details: /Failed to connect|disconnected before secure TLS/,
  fault: 'closes the connection',
  remedy: usesTls(target)
    ? `It may not know the client certificate: check ${CLIENT_VARIABLES}.`
    : 'It may need TLS: set TEMPORAL_TLS to true.',
});

const usesTls = ({ connectionOptions: { tls, apiKey } }: TemporalTarget): boolean =>
  Boolean(tls ?? apiKey !== undefined);

const START =
  'Start it, or set TEMPORAL_ADDRESS (with TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_*) to another server.';

/** Makes the error with which {@link connect} fails. `fault`: the part of the message after the address. */
export const unavailable = ({ address }: TemporalTarget, fault: string, remedy = START): TemporalUnavailable =>
  new TemporalUnavailable(`Temporal at ${address} ${fault}. ${remedy}`);

const isDeadline = (err: unknown) =>
  isGrpcDeadlineError(err) || (err instanceof Error && err.message.includes('deadline'));

/** Tells why the server refuses the connection, in the server's words. */
export function refusalOf(err: unknown): string {
  const cause = err instanceof ServiceError ? err.cause : err;
  return `refuses the connection (${isGrpcServiceError(cause) ? cause.details : textOf(cause)})`;
}

/**
 * Returns only the first line of the error's message, because the next lines of a TOML error quote the profile, which
 * can hold a key.
 */
const textOf = (err: unknown) => (err instanceof Error ? err.message : String(err)).split('\n')[0];
