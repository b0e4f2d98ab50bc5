/** A PostgreSQL server for the bench, from Debian's package, with its data in a temporary folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../scripts/local/ports';
import { startProgram } from '../../scripts/local/process';

const PACKAGES = '/usr/lib/postgresql';

export interface Cluster {
  url: string;
  /** The process id of the PostgreSQL server. Child processes of the server serve its connections. */
  pid: number;
  stop(): Promise<unknown>;
}

/**
 * Starts the newest installed version on a free port of loopback, with its default settings. PostgreSQL refuses to run
 * as root, so for root the server runs as the user postgres. Fails with one line if PostgreSQL is not installed.
 */
export async function startCluster(): Promise<Cluster> {
  const bin = newestBin();
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-bench-postgresql-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const isRoot = process.getuid!() === 0;
    if (isRoot) execFileSync('chown', ['postgres:', folder]);
    const asUser = isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
    const data = join(folder, 'data');
    const [initdb, ...options] = [...asUser, join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres'];
    execFileSync(initdb, options, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    const port = await freePort();
    const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
    const [command, ...args] = [...asUser, join(bin, 'postgres'), '-D', data, '-p', `${port}`, '-h', '127.0.0.1'];
    const server = await startProgram({
      ...{ name: 'postgresql', logFolder: folder, ports: [port] },
      ...{ command: command, args: [...args, '-k', ''] },
      isReady: () => answers(url),
    });
    return { url, pid: server.pid, stop: () => server.stop().finally(remove) };
  } catch (err) {
    remove();
    throw err;
  }
}

/** Returns the folder with the programs of the newest installed PostgreSQL. */
function newestBin(): string {
  const versions = existsSync(PACKAGES) ? readdirSync(PACKAGES).map(Number) : [];
  const bin = join(PACKAGES, `${Math.max(...versions)}`, 'bin');
  if (existsSync(join(bin, 'postgres'))) return bin;
  throw new Error(`--postgresql needs PostgreSQL in ${PACKAGES}. On Debian: apt-get install postgresql`);
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.end();
  return true;
}
