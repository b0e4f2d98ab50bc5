export { authenticateConnector } from './authenticate-connector/workflow';
