/** Reads the ports of `npm start` from the environment, and checks them before a process starts. */
import { isFree } from '../local/ports';
import type { Ports } from '../local/stack';

/** The ports of `npm start`, each with its environment variable, its default, and the process that listens. */
const listeners: readonly { port: keyof Ports; variable: string; by: string; otherwise?: number }[] = [
  { port: 'temporal', variable: 'TEMPORAL_DEV_PORT', by: 'Temporal', otherwise: 7233 },
  { port: 'ui', variable: 'TEMPORAL_DEV_UI_PORT', by: 'Temporal Web', otherwise: 8233 },
  { port: 'sandbox', variable: 'SANDBOX_PORT', by: 'the sandbox', otherwise: 7080 },
  { port: 'service', variable: 'PORT', by: 'the onboarding service', otherwise: 8080 },
  { port: 'health', variable: 'HEALTH_PORT', by: "the worker's health" }, // no default port: any free port
];

/**
 * Returns each port from its environment variable, or its default. 0 means any free port. Fails with the name of every
 * variable that is not a port number.
 */
export function portsOf(env: NodeJS.ProcessEnv): Ports {
  const ports = needed(env).map(
    ({ port, variable, otherwise }) => [port, env[variable] || otherwise, variable] as const,
  );
  const wrong = ports.filter(([, value]) => value !== undefined && !isPort(Number(value)));
  if (wrong.length > 0) throw new Error(wrong.map(([, , variable]) => `${variable} is no port number.`).join('\n'));
  return Object.fromEntries(ports.flatMap(([port, value]) => (value === undefined ? [] : [[port, Number(value)]])));
}

/** Fails with one line for each port that is taken or that two variables share. */
export async function checkPorts(ports: Ports): Promise<void> {
  const wanted = listeners.flatMap(({ port, ...rest }) => (ports[port] ? [{ ...rest, number: ports[port] }] : []));
  const problems: string[] = [];
  for (const [index, { number, variable, by }] of wanted.entries()) {
    const same = wanted.slice(0, index).find((other) => other.number === number);
    if (same) problems.push(`${variable} and ${same.variable} are both ${number}. Set one of them to another port.`);
    else if (!(await isFree(number)))
      problems.push(
        `Port ${number} of 127.0.0.1, for ${by}, is taken. End the program that listens there, or set ${variable} to another port.`,
      );
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port < 65_536;

/**
 * Returns the ports on which `npm start` listens. With TEMPORAL_ADDRESS, no dev server and no Temporal Web run. With
 * CYCLR_API_URL, no sandbox runs.
 */
const needed = ({ TEMPORAL_ADDRESS, CYCLR_API_URL }: NodeJS.ProcessEnv) =>
  listeners.filter(
    ({ port }) =>
      !(TEMPORAL_ADDRESS && (port === 'temporal' || port === 'ui')) && !(CYCLR_API_URL && port === 'sandbox'),
  );
