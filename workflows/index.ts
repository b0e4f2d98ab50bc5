export { authenticateConnector } from './authenticate-connector/workflow';
export { deliverEvent } from './deliver-event/workflow';
