import { statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataFolder } from '../../../scripts/local/data-folder';
import { temporaryFolder, write } from './scene';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('makeDataFolder sets the mode of the folder to 0700, and changes no file behind a link in the folder', () => {
  const folder = temporaryFolder();
  const program = write(join(temporaryFolder(), 'program'), '#!/bin/sh', 0o755);
  write(join(folder, 'venv', 'pip'), '#!/bin/sh', 0o755);
  symlinkSync(program, join(folder, 'venv', 'python'));

  makeDataFolder(folder);

  expect(modeOf(folder)).toBe('700');
  expect([program, join(folder, 'venv', 'pip')].map(modeOf)).toEqual(['755', '755']);
});
