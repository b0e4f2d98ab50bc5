/** Which paths are recorded on what. To add a path, add it to one of the tables. */
import type { Paths } from './path';
import { authTypes } from './paths/auth-types';
import { consent } from './paths/consent';
import { endings } from './paths/endings';
import { inputs } from './paths/inputs';
import { long, SUGGESTED_AT } from './paths/long';
import { reauthentication } from './paths/reauthentication';
import { time } from './paths/time';
import { openSkippingStage, openStage, type Stage } from './stage';

export interface Session {
  open(folder: string): Promise<Stage>;
  /** How many paths are played side by side. */
  atOnce: number;
  paths: Paths;
}

export const sessions: readonly Session[] = [
  { open: openStage, atOnce: 8, paths: { ...authTypes, ...inputs, ...consent, ...reauthentication, ...endings } },
  {
    open: (folder) => openStage(folder, { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AT }),
    atOnce: 2,
    paths: long,
  },
  { open: openSkippingStage, atOnce: 1, paths: time },
];
