export { authenticateConnector } from './authenticate-connector';
