import { join } from 'node:path';
import { z } from 'zod';
import { readBoth, readEnvironment } from '../../temporal/environment';
import { temporaryFolder, write } from '../scripts/parts/scene';

const schema = z.object({
  SECRET: z.string('is not set: a secret').meta({ file: true }),
  OTHER: z.string().optional(),
});
const fileWith = (content: string) => write(join(temporaryFolder(), 'marked-file'), content);
const faultsOf = (env: NodeJS.ProcessEnv) =>
  readEnvironment(schema, env).then(
    () => [],
    ({ message }: Error) => message.split('\n'),
  );

test.each(['hunter2', 'hunter2\n', 'hunter2\r\n'])(
  'readEnvironment takes the value of NAME from the file at NAME_FILE, without its line end: %j',
  async (content) => {
    expect(await readEnvironment(schema, { SECRET_FILE: fileWith(content) })).toEqual({ SECRET: 'hunter2' });
    expect(await readEnvironment(schema, { SECRET_FILE: fileWith(content), SECRET: '' })).toEqual({
      SECRET: 'hunter2',
    });
  },
);

test('readEnvironment ignores NAME_FILE if the schema does not mark NAME with file: true', async () => {
  expect(await readEnvironment(schema, { SECRET: 's', OTHER_FILE: fileWith('x') })).toEqual({ SECRET: 's' });
});

test.each<[string, (file: string) => NodeJS.ProcessEnv, RegExp]>([
  [
    'NAME and NAME_FILE are both set',
    (file) => ({ SECRET: 'hunter2', SECRET_FILE: file }),
    /^SECRET and SECRET_FILE are both set: unset one$/,
  ],
  ['the file is missing', (file) => ({ SECRET_FILE: `${file}-absent` }), /^SECRET_FILE .* can be read \(ENOENT\)$/],
  ['the file is a folder', () => ({ SECRET_FILE: temporaryFolder() }), /^SECRET_FILE .* can be read \(EISDIR\)$/],
  ['the file is empty', () => ({ SECRET_FILE: fileWith('') }), /^SECRET_FILE is the path of an empty file$/],
  ['the file has white space only', () => ({ SECRET_FILE: fileWith(' \n') }), /^SECRET_FILE .* empty file$/],
])(
  'if %s, readEnvironment fails with one fault that names the variable and does not quote the value or the path',
  async (_, envOf, fault) => {
    const faults = await faultsOf(envOf(fileWith('hunter2')));

    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toMatch(/hunter2|marked-file/);
  },
);

test('readBoth names the faults of both parts in one message', async () => {
  const reading = readBoth(
    () => readEnvironment(schema, {}),
    () => readEnvironment(z.object({ PORT: z.string('is not set') }), {}),
  );

  await expect(reading).rejects.toMatchObject({
    name: 'ConfigError',
    message: 'SECRET is not set: a secret\nPORT is not set',
  });
});
