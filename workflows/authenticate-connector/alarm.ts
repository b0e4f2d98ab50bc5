import { log, metricMeter } from '@temporalio/workflow';

const operatorsTrouble = () =>
  metricMeter.createCounter('connector_auth_operators_trouble', '1', 'Times that Cyclr refused us');

/** No user can change it: it must be heard. */
export function alarm(): void {
  operatorsTrouble().add(1);
  log.error('Cyclr refuses us, not the user: the last failed activity says why');
}
