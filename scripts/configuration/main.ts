/** `npm run configuration`: writes docs/configuration.md and docs/policies.schema.json. */
import { writeFileSync } from 'node:fs';
import { configurationReference } from './reference';

writeFileSync('docs/configuration.md', configurationReference());
