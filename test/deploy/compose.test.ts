import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { environment as service } from '../../service/config';
import { namesWithFile, temporalEnvironment } from '../../temporal/environment';
import { environment as worker } from '../../worker/config';

const text = readFileSync('docker-compose.yml', 'utf8');
const { services } = parse(text, { merge: true });

/**
 * Variables that a process reads, but that docker-compose.yml does not set. Without HEALTH_HOST, the worker listens for
 * health probes on all addresses, so that probes from outside of the container reach the worker.
 */
const leftOut = ['HEALTH_HOST'];

const variablesOf = (schema: z.ZodObject): string[] =>
  [...Object.keys(schema.shape), ...namesWithFile(schema).map((name) => `${name}_FILE`)]
    .filter((name) => !leftOut.includes(name))
    .sort();

/** The variables that docker-compose.yml takes: `${NAME…}`, and `NAME:` without a value. */
const taken = (): Set<string> => {
  const passed = Object.values(services as { environment?: object }[]).flatMap(({ environment = {} }) =>
    Object.entries(environment).flatMap(([name, value]) => (value === null ? [name] : [])),
  );
  const replaced = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!);
  return new Set([...passed, ...replaced]);
};

test.each([
  ['worker', worker],
  ['service', service],
])('docker-compose.yml gives the %s each variable of its schema', (name, schema) => {
  expect(Object.keys(services[name].environment)).toEqual(expect.arrayContaining(variablesOf(schema)));
});

test('docker-compose.yml gives worker and service the payload codecs as a file', () => {
  const { PAYLOAD_CODECS } = services.worker.environment;

  expect(Object.keys(temporalEnvironment.shape)).toContain('PAYLOAD_CODECS');
  expect(PAYLOAD_CODECS).toBe('${PAYLOAD_CODECS:+/run/secrets/payload-codecs}');
  expect(services.service.environment.PAYLOAD_CODECS).toBe(PAYLOAD_CODECS);
  for (const name of ['worker', 'service']) expect(services[name].secrets).toContain('payload-codecs');
});

test('.env.example has exactly the variables that docker-compose.yml takes', () => {
  const example = readFileSync('.env.example', 'utf8');
  const named = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!);
  const ofCompose = ['COMPOSE_PROFILES'];

  expect(named.sort()).toEqual([...taken(), ...ofCompose].sort());
});

test('sandbox.env sets only variables that docker-compose.yml takes', () => {
  const example = readFileSync('deploy/sandbox.env', 'utf8');
  const named = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name!);

  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect([...taken(), 'COMPOSE_PROFILES']).toContain(name);
});
