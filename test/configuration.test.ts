import { readFileSync } from 'node:fs';
import { configurationReference } from '../scripts/configuration/reference';

test('docs/configuration.md is what `npm run configuration` writes', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationReference());
});
