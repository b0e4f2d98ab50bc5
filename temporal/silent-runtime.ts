import { DefaultLogger, Runtime } from '@temporalio/worker';

/** The SDK's runtime without its log, where refusals and differences are what is looked for. Before anything uses it. */
export function installSilentRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
    shutdownSignals: [], // its own hook dies of a second one
  });
}
