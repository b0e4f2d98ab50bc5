import type { Server } from '../../cli/cli';
import { searchAttributeNames, searchAttributeTypeNumbers } from '../../temporal/search-attributes';
import { cli } from './scene';

/** Makes a fake Temporal server that already has the search attributes `there`. */
function temporal(there: { [name: string]: number }): Server {
  const customAttributes = { ...there };
  const services = {
    workflowService: { countWorkflowExecutions: async () => ({}) },
    operatorService: {
      listSearchAttributes: async () => ({ customAttributes }),
      addSearchAttributes: async ({ searchAttributes }: { searchAttributes: object }) =>
        Object.assign(customAttributes, searchAttributes),
    },
  };
  return { services: services as never, address: '127.0.0.1:1', namespace: 'default' };
}

test('search-attributes registers the missing search attributes and prints them, and a repetition has nothing to register', async () => {
  const { ConnectorConnected: _, ...others } = searchAttributeTypeNumbers;
  const server = temporal(others);
  const prefix = '127.0.0.1:1, namespace default:';

  expect(await cli(['search-attributes'], { server })).toMatchObject({
    exitCode: 0,
    stdout: `${prefix} registered ConnectorConnected\n`,
  });
  expect(await cli(['search-attributes'], { server })).toMatchObject({ stdout: `${prefix} nothing to register\n` });
  const { stdout } = await cli(['search-attributes', '--json'], { server: temporal({}) });
  expect(JSON.parse(stdout)).toEqual({ namespace: 'default', registered: searchAttributeNames });
});

test('search-attributes fails if a search attribute has another type, and names both types', async () => {
  const server = temporal({ ...searchAttributeTypeNumbers, ConnectorName: 1 });

  const { exitCode, stderr } = await cli(['search-attributes'], { server });

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^configuration: .* ConnectorName \(found Text, needed Keyword\)/);
});

test('search-attributes reports an error as unexpected if the error is no configuration error', async () => {
  const server = temporal({});
  const addSearchAttributes = () => Promise.reject(new TypeError('not a configuration error'));
  Object.assign(server.services.operatorService, { addSearchAttributes });

  const { exitCode, stderr } = await cli(['search-attributes'], { server });

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^unexpected: /);
});
