/**
 * Makes two builds of the worker, and changes the version that gets new tasks. With worker versioning, each build is a
 * version of one worker deployment.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildIdOf } from '../../worker/create-worker';
import type { LocalWorker } from '../local/parts';
import type { FaultStack } from './stack';

const DEPLOYMENT = 'faults';
const CALL_MS = 10_000;
const RETRY_EVERY_MS = 500;
/** The time limit for one change of the current version. Only a change that hangs reaches this limit. */
const LIMIT_MS = 3 * 60_000;

interface Build {
  /** The path of the worker's `main.js`. */
  main: string;
  buildId: string;
}

export class Builds {
  readonly #stack: FaultStack;
  readonly #builds: Build[];
  readonly #env: NodeJS.ProcessEnv;
  #current = 0;

  /**
   * If `isVersioned` is true, each build is a version of the deployment. If false, a worker of either build can get any
   * task. `env`: environment variables of all workers.
   */
  constructor(
    stack: FaultStack,
    readonly isVersioned: boolean,
    env: NodeJS.ProcessEnv,
  ) {
    this.#stack = stack;
    this.#env = { ...env, ...(isVersioned && { WORKER_DEPLOYMENT: DEPLOYMENT }) };
    const dist = join(__dirname, '..', '..');
    this.#builds = [dist, copyOf(dist, stack)].map((folder) => ({
      main: join(folder, 'worker', 'main.js'),
      buildId: buildIdOf(join(folder, 'workflow-bundle.js')),
    }));
  }

  /** Starts a worker: workers with an even number have the first build, the others the second. */
  startWorker(number: number, options?: { waits: false }): Promise<LocalWorker> {
    const { main } = this.#builds[number % this.#builds.length]!;
    return this.#stack.startWorker({ ...options, main, env: this.#env });
  }

  /** Makes the first build the current version. Call this method after both builds have a worker. */
  async begin(): Promise<void> {
    if (this.isVersioned) await this.#makeCurrent(0);
  }

  /**
   * Makes the build that is not current the current version. If `share` is below 1, this build gets only this share of
   * the flows, and the current version stays.
   */
  async change(share: number): Promise<void> {
    const other = (this.#current + 1) % this.#builds.length;
    await (share < 1 ? this.#ramp(other, share) : this.#makeCurrent(other));
  }

  async #makeCurrent(number: number): Promise<void> {
    const request = { ...this.#requestOf(number), allowNoPollers: true };
    await this.#call(({ workflowService }) => workflowService.setWorkerDeploymentCurrentVersion(request));
    this.#current = number;
  }

  async #ramp(number: number, share: number): Promise<void> {
    const request = { ...this.#requestOf(number), percentage: 100 * share, allowNoPollers: true };
    await this.#call(({ workflowService }) => workflowService.setWorkerDeploymentRampingVersion(request));
  }

  #requestOf(number: number) {
    const { namespace } = this.#stack.client.options;
    const { buildId } = this.#builds[number]!;
    return { namespace, deploymentName: DEPLOYMENT, buildId, ignoreMissingTaskQueues: true, identity: 'operator' };
  }

  /** Repeats a call until Temporal has made the change. A call can fail while Temporal is restarted. */
  async #call(act: (connection: FaultStack['client']['connection']) => Promise<unknown>): Promise<void> {
    const { client } = this.#stack;
    for (const until = Date.now() + LIMIT_MS; ; await delay(RETRY_EVERY_MS)) {
      try {
        return void (await client.withDeadline(Date.now() + CALL_MS, () => act(client.connection)));
      } catch (err) {
        if (Date.now() > until) throw err;
      }
    }
  }
}

/** Copies the build `dist`, and puts a comment before the bundle of the copy, so that the copy has another build id. */
function copyOf(dist: string, { onStop }: FaultStack): string {
  // The copy is outside of the folder of the stack: the checks search the folder of the stack for secrets, and the code
  // of the sandbox has a secret.
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-build-'));
  onStop(() => rmSync(folder, { recursive: true, force: true }));
  const copy = join(folder, 'dist');
  cpSync(dist, copy, { recursive: true });
  symlinkSync(join(dist, '..', 'node_modules'), join(folder, 'node_modules'));
  const bundle = join(copy, 'workflow-bundle.js');
  writeFileSync(bundle, `/* another build */ ${readFileSync(bundle, 'utf8')}`);
  return copy;
}
