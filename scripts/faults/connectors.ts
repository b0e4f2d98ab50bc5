/** What each connector of the sandbox's catalogue asks its user for, in order: what plans are made of. */
import type { StateName } from '../../workflows/messages';

export type Stage = 'properties' | 'credentials' | 'authorization';

export interface Asks {
  stages: readonly Stage[];
  /** Where it ends once all of that was given. */
  ends: StateName;
}

const asks = (...stages: Stage[]): Asks => ({ stages, ends: 'authenticated' });
const unsupported: Asks = { stages: [], ends: 'unsupported' };

export const connectors: { [name: string]: Asks } = {
  Brightdesk: asks('credentials'),
  Fernhill: asks('properties', 'credentials'),
  Kestrel: asks('properties', 'credentials'),
  Plainfield: asks('credentials'),
  Nullarbor: asks('credentials'),
  Parrotmail: asks('properties', 'credentials'),
  Zenodesk: asks('properties', 'credentials'),
  Insightful: asks('credentials'),
  Ledgerly: asks('authorization'),
  Shopwell: asks('properties', 'authorization'),
  Chirper: asks('authorization'),
  Driftwood: asks('authorization'),
  Quartz: asks('properties'),
  Sugarloaf: asks('properties', 'authorization'),
  Homeport: asks('credentials'),
  Openrates: asks(),
  Weathervane: asks('properties'),
  Evergreen: asks(),
  Posterity: asks('credentials'),
  Longname: asks('credentials'),
  Fieldstone: unsupported,
  Vaultline: unsupported,
};

/** Where a flow waits in each stage. */
export const waitsIn: Record<Stage, StateName> = {
  properties: 'awaitingProperties',
  credentials: 'awaitingCredentials',
  authorization: 'awaitingAuthorization',
};

/** The stage that somebody is waited for in. */
export const stageOf = (state: StateName): Stage | undefined =>
  (Object.keys(waitsIn) as Stage[]).find((stage) => waitsIn[stage] === state);
