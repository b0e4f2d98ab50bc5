export { authenticateConnector } from './authenticate-connector/workflow';
export { onboardAccount } from './onboard-account/workflow';
export { deliverEvent } from './deliver-event/workflow';
export { monitorConnection } from './monitor-connection/workflow';
export { transactionError } from './transaction-error/workflow';
