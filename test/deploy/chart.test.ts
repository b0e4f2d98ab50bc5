import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { environment as service } from '../../service/config';
import { namesWithFile, temporalEnvironment } from '../../temporal/environment';
import { environment as worker } from '../../worker/config';

interface Part {
  config: { properties: object; patternProperties?: object };
  secretKeys: { properties: object };
}

const { properties } = JSON.parse(readFileSync('deploy/helm/cyclr-connect/values.schema.json', 'utf8'));

/** Variables of worker and service that the chart sets itself, so the values `config` do not take these variables. */
const setByChart = ['PORT', 'HEALTH_PORT', 'HEALTH_HOST', 'METRICS_PORT', 'CONNECTOR_POLICIES'];
/** Variables of worker and service that the chart's value `temporal.config` sets for all processes. */
const shared = ['TASK_QUEUE'];

/** Variables that the SDK of OpenTelemetry reads, and this project does not read. */
const ofSdk = [
  ...[
    'OTEL_BSP_SCHEDULE_DELAY',
    'OTEL_BSP_EXPORT_TIMEOUT',
    'OTEL_BSP_MAX_QUEUE_SIZE',
    'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  ],
  ...['OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_EXPORTER_OTLP_COMPRESSION', 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
  'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
];
/** The variables whose values are paths of files. The files are in the Kubernetes Secret for Temporal. */
const pathsOfFiles = Object.keys(temporalEnvironment.shape).filter((name) => /^TEMPORAL_TLS_.*_PATH$/.test(name));

const patternsOf = ({ config }: Part): RegExp[] =>
  Object.keys(config.patternProperties ?? {}).map((pattern) => new RegExp(pattern));

describe.each([
  ['worker', worker, ['WEBHOOKS']],
  ['service', service, []],
] as const)('the values of the %s', (name, schema, furtherFiles) => {
  const part: Part = properties[name].properties;
  const files = [...namesWithFile(schema as z.ZodObject), ...furtherFiles];

  test('the values of the chart have each secret variable in secretKeys, and no secret variable in config', () => {
    expect(Object.keys(part.secretKeys.properties).sort()).toEqual(files.sort());
    for (const file of files) {
      expect(Object.keys(part.config.properties)).not.toContain(file);
      expect(patternsOf(part).some((pattern) => pattern.test(file))).toBe(false);
    }
  });

  test('the values of the chart accept each variable of the process, except secrets and the variables that the chart itself sets', () => {
    const expected = Object.keys(schema.shape).filter(
      (variable) => ![...files, ...setByChart, ...shared].includes(variable),
    );
    const known = Object.keys(part.config.properties);

    expect(
      expected.filter(
        (variable) => !known.includes(variable) && !patternsOf(part).some((pattern) => pattern.test(variable)),
      ),
    ).toEqual([]);
    expect(known.filter((variable) => !expected.includes(variable))).toEqual([]);
  });

  test('the values of the chart accept the standard variables that only the SDK of OpenTelemetry reads', () => {
    for (const variable of ofSdk)
      expect([variable, patternsOf(part).some((pattern) => pattern.test(variable))]).toEqual([variable, true]);
  });
});

test('the values of the chart for Temporal accept each variable of the schema for Temporal, and the variables that all processes share', () => {
  const { config, secretKeys }: Part = properties.temporal.properties;
  const files = [...namesWithFile(temporalEnvironment), ...pathsOfFiles];
  const names = Object.keys(temporalEnvironment.shape).filter((name) => !files.includes(name));

  expect(Object.keys(secretKeys.properties).sort()).toEqual(files.sort());
  expect(Object.keys(config.properties).sort()).toEqual([...names, ...shared].sort());
});
