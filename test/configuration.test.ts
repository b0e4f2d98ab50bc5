import { readFileSync } from 'node:fs';
import { configurationReference } from '../scripts/configuration/reference';

test('docs/configuration.md equals the output of `npm run configuration`', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationReference());
});
