import { startSandbox } from './server';

/**
 * The process: `SANDBOX_PORT` (7080 by default), `SANDBOX_HOST` (127.0.0.1), `SANDBOX_DATA` (a file that keeps the state;
 * none by default).
 */
async function main(): Promise<void> {
  const { SANDBOX_PORT, SANDBOX_HOST, SANDBOX_DATA } = process.env;
  const starting = startSandbox({
    port: portOf(SANDBOX_PORT),
    host: SANDBOX_HOST || undefined,
    dataFile: SANDBOX_DATA || undefined,
  });

  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= starting.then((sandbox) => sandbox.close()).then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('disconnect', stop);

  const { url, clientId, clientSecret } = await starting;
  process.stdout.write(`Cyclr sandbox on ${url} (client id ${clientId}, secret ${clientSecret})\n`);
}

function portOf(text = ''): number {
  if (text === '') return 7080;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`SANDBOX_PORT is a port number, not ${JSON.stringify(text)}`);
}

function fail(err: NodeJS.ErrnoException & { port?: number }): never {
  const isTaken = err.code === 'EADDRINUSE';
  const reason = isTaken ? `port ${err.port} is in use; set SANDBOX_PORT to another one` : err.message;
  process.stderr.write(`Cyclr sandbox: ${reason}\n`);
  process.exit(1);
}

main().catch(fail);
