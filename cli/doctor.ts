/** The command `doctor`, which checks each service and setting that a flow needs. */
import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import type { Command } from 'commander';
import { CyclrError } from '../activities/cyclr/errors';
import { addCommand, type JsonOption } from './arguments';
import { checkClock, checkCyclr, checkSealingKeys } from './checks';
import type { Cli } from './cli';
import { codeOf } from './errors';
import { notChecked, outcomeText, print, type Outcome } from './output';
import { checkDeployment, checkNamespace, checkSearchAttributes, checkTemporal, checkWorkers } from './temporal-checks';

interface Check {
  check: string;
  /** The check that must pass before this check can run. */
  needs?: string;
  run(cli: Cli): Promise<Outcome>;
}

const checks: readonly Check[] = [
  { check: 'temporal', run: checkTemporal },
  { check: 'namespace', needs: 'temporal', run: checkNamespace },
  { check: 'searchAttributes', needs: 'namespace', run: checkSearchAttributes },
  { check: 'workers', needs: 'namespace', run: checkWorkers },
  { check: 'deployment', needs: 'namespace', run: checkDeployment },
  { check: 'cyclr', run: checkCyclr },
  { check: 'sealingKeys', run: checkSealingKeys },
  { check: 'clock', run: checkClock },
];

const width = Math.max(...checks.map(({ check }) => check.length));

/** The time limit of one check. */
const CHECK_MS = 5_000;

export function addDoctorCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'doctor',
    'Checks Temporal, workers, Cyclr, sealing keys and the clock.',
    'Exit code 1 if a check fails. Changes nothing. The Cyclr check needs CYCLR_API_URL, CYCLR_CLIENT_ID and ' +
      'CYCLR_CLIENT_SECRET, or the HEALTH_PORT of a worker on this machine.',
  ).action(async ({ json }: JsonOption) => {
    const outcomes = new Map<string, Outcome>();
    for (const { check, needs, run } of checks) {
      const skipped = needs !== undefined && outcomes.get(needs)?.ok !== true;
      const outcome = skipped ? notChecked(`the check ${needs} has not passed`) : await bounded(() => run(cli));
      outcomes.set(check, outcome);
      if (!json) print(cli, false, outcome, outcomeText(check.padEnd(width), outcome));
    }
    if (json)
      print(
        cli,
        true,
        Array.from(outcomes, ([check, outcome]) => ({ check, ...outcome })),
        '',
      );
    if ([...outcomes.values()].some(({ ok }) => ok === false)) cli.exitCode = 1;
  });
}

/** Runs a check and returns its outcome. A check fails if it throws, or if it does not end within 5 s. */
async function bounded(check: () => Promise<Outcome>): Promise<Outcome> {
  const abort = new AbortController();
  const late: Outcome = {
    ok: false,
    detail: `no answer within ${CHECK_MS / 1000} s`,
    remedy: 'check the address and the network, such as a firewall',
  };
  const timer = delay(CHECK_MS, late, { signal: abort.signal }).catch(() => late);
  const outcome = check().catch((err: unknown): Outcome => ({ ok: false, detail: reasonOf(err) }));
  return Promise.race([outcome, timer]).finally(() => abort.abort());
}

/** Returns the error's message if this message can't hold a secret. Otherwise returns `unexpected error`. */
function reasonOf(err: unknown): string {
  if (isGrpcServiceError(err)) return `Temporal refuses the call (${err.details || `gRPC code ${err.code}`})`;
  const isKnown = codeOf(err) !== 'unexpected' || err instanceof CyclrError;
  return isKnown ? (err as Error).message : 'unexpected error';
}
