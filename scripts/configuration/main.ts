/** `npm run configuration`: writes docs/configuration.md and docs/policies.schema.json. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { PolicyFile } from '../../activities/policies/schema';
import { configurationReference } from './reference';

writeFileSync('docs/configuration.md', configurationReference());
writeFileSync('docs/policies.schema.json', `${JSON.stringify(z.toJSONSchema(PolicyFile, { io: 'input' }), null, 2)}\n`);
