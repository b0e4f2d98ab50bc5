/** Runs the sandbox as a process: starts its server, and stops the server at a stop signal. */
import { readEnvironment } from './environment';
import { startSandbox } from './server';

async function main(): Promise<void> {
  const { SANDBOX_PORT: port, SANDBOX_HOST: host, SANDBOX_DATA: dataFile } = readEnvironment(process.env);
  const starting = startSandbox({ port, host, dataFile });

  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= starting.then((sandbox) => sandbox.close()).then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('disconnect', stop);

  const { url, clientId, clientSecret } = await starting;
  process.stdout.write(`Cyclr sandbox on ${url} (client id ${clientId}, secret ${clientSecret})\n`);
}

function fail(err: NodeJS.ErrnoException & { port?: number }): never {
  const isTaken = err.code === 'EADDRINUSE';
  const reason = isTaken ? `port ${err.port} is in use; set SANDBOX_PORT to another one` : err.message;
  process.stderr.write(`Cyclr sandbox: ${reason}\n`);
  process.exit(1);
}

main().catch(fail);
