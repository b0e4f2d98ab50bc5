/**
 * `node deploy/rehearsal/steps.mjs`: runs the steps of the rehearsal on the Docker Engine of DOCKER_HOST, which must
 * already have the base images. Each step prints one line. The last line is `N passed, N failed`. `REHEARSAL_OLD`: the
 * Git revision from which the image before the upgrade is built. By default, this image is built from the present
 * files.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { buildImages, checkArm64, checkImage, refusesMissingVariables } from './image.mjs';
import { checkChart } from './chart.mjs';
import { checkHardening, checkNetworks, checkPasswords, checkProxy, checkSecretFiles, playDemo } from './checks.mjs';
import {
  allWait,
  authenticate,
  cli,
  compose,
  docker,
  container,
  healthy,
  isReal,
  kill,
  startWaitingFlows,
  stateOf,
  stop,
  up,
} from './stack.mjs';

const began = Date.now();
const counts = { passed: 0, failed: 0 };
const OWN = ['sandbox-worker', 'sandbox-service', 'sandbox'];
const ALL = [...OWN, 'temporal', 'postgresql', 'temporal-ui'];
/**
 * The containers that are killed during the demo. The service is left out, because the users of the demo do not repeat a
 * call whose connection breaks.
 */
const KILLED_IN_TURN = ['sandbox-worker', 'temporal', 'postgresql'];
/**
 * The pause between two kills, in milliseconds. The pause begins when the killed container is healthy again. During the
 * pause, the flows of the demo continue.
 */
const BETWEEN_KILLS_MS = 5_000;
/** The times between the start of a container and its stop, in milliseconds. */
const STOPPED_AFTER_MS = [0, 200, 500, 1000, 2000];
let waiting = [];

async function step(name, act) {
  const start = Date.now();
  try {
    const detail = await act();
    counts.passed++;
    console.log(`✓ ${name}${detail ? `: ${detail}` : ''} (${seconds(start)} s)`);
    return true;
  } catch (error) {
    counts.failed++;
    console.log(`✗ ${name} (${seconds(start)} s)\n    ${error.message.replaceAll('\n', '\n    ')}`);
  }
}

const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);

/**
 * Runs a step that disturbs the stack. The step passes under two conditions: all waiting flows are still in their
 * waiting states, and one of these flows then ends as authenticated.
 */
const survives = (name, act) =>
  step(name, async () => {
    const detail = await act();
    await healthy(...ALL);
    await allWait(waiting);
    await authenticate(waiting.shift());
    return detail;
  });

async function upInSeconds(image) {
  const start = Date.now();
  await up(image);
  return `healthy after ${seconds(start)} s`;
}

/**
 * Starts a container several times, and stops it at a different moment of each start. At the end, starts the container
 * and leaves it running.
 */
async function stopsAtItsStart(service) {
  for (const ms of STOPPED_AFTER_MS) {
    await stop(service);
    await docker('start', container(service));
    await delay(ms);
  }
  await stop(service);
  await docker('start', container(service));
}

async function upgrade() {
  const before = await Promise.all(OWN.map(stateOf));
  const detail = await upInSeconds('cyclr-connect:new');
  const after = await Promise.all(OWN.map(stateOf));
  for (const [i, { StartedAt }] of after.entries()) assert.notEqual(StartedAt, before[i].StartedAt, OWN[i]);
  return detail;
}

/** Kills one container after the other until the demo has ended. */
async function demoWithFailures() {
  let isOver = false;
  let killed = 0;
  const demo = playDemo().finally(() => (isOver = true));
  demo.catch(() => undefined);
  while (!isOver) {
    const service = KILLED_IN_TURN[killed++ % KILLED_IN_TURN.length];
    await kill(service);
    await healthy(service);
    await delay(BETWEEN_KILLS_MS);
  }
  return `${await demo} ${killed} containers were killed.`;
}

async function downAndUp() {
  await compose(['down']);
  return upInSeconds('cyclr-connect:new');
}

if (!(await step('the image builds', buildImages))) end();
await step('the image has one native library and no bundler, and adds at most 65 MB to its base image', checkImage);
if (isReal) await step('the packages of the arm64 image are for arm64', checkArm64);
await step('worker and service name their missing variables', refusesMissingVariables);
await step('passwords that a program reads differently are refused', checkPasswords);
if (!(await step('docker compose up', () => upInSeconds('cyclr-connect:old')))) end();
await step('containers are hardened', checkHardening);
await step('only worker and service reach Temporal', checkNetworks);
await step('the command line in the image starts a flow', () => cli('start', 'acme', '1016', '--wait'));
await step('npm run demo', playDemo);
await step('flows wait', async () => void (waiting = await startWaitingFlows('waiting', 24)));
await survives('upgrade', upgrade);
for (const service of [...OWN, 'temporal', 'postgresql']) await survives(`${service} is killed`, () => kill(service));
await survives('Temporal and PostgreSQL are killed', async () => {
  await Promise.all([kill('temporal'), kill('postgresql')]);
});
if (isReal) await step('npm run demo, while containers are killed', demoWithFailures);
for (const service of OWN) {
  await survives(`${service} is stopped and started`, async () => {
    const time = await stop(service);
    await docker('start', container(service));
    return `stopped in ${time.toFixed(1)} s`;
  });
  await survives(`${service} is stopped at moments of its start`, () => stopsAtItsStart(service));
}
await survives('all containers are restarted', () => compose(['restart']));
await survives('docker compose down and up', downAndUp);
await step('server-sent events pass the https proxy at once', () => checkProxy(waiting));
await step('worker and service with secrets as files', checkSecretFiles);
await step('the containers of the Helm chart', checkChart);
await step('the stack is removed', () => compose(['--profile', '*', 'down', '--volumes']));

end();

function end() {
  console.log(`the rehearsal took ${seconds(began)} s`);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exit(counts.failed === 0 ? 0 : 1);
}
