/** Inputs that change nothing, whenever they come: drawn here, sent by `stray-inputs.ts`. */
import type { Random } from './random';

export const strayKinds = {
  unknownSignal: 2,
  malformedProperties: 3,
  malformedCredentials: 3,
  malformedCallback: 2,
  malformedUpdate: 2,
  malformedLink: 1,
  unknownUpdate: 1,
  forgedCallback: 2,
  foreignCallback: 3,
  replayedCallback: 3,
  forgedConfirmation: 1,
  foreignCredentials: 2,
  usedSubmission: 3,
  clearCredentials: 2,
};
/** Possible only before anything was given: later the flow may have ended, and a start would start another run. */
const atFirst = { secondStart: 8, reauthentication: 4 };

export interface Stray {
  kind: keyof typeof strayKinds | keyof typeof atFirst;
  /** Which of the things that it can be, from 0 up to 1. */
  choice: number;
}

/** One for this look of the user; the first is 0. */
export const drawStrays = (random: Random, turn: number): Stray => ({
  kind: random.weighted<Stray['kind']>({
    secondStart: 0,
    reauthentication: 0,
    ...strayKinds,
    ...(turn === 0 && atFirst),
  }),
  choice: random.next(),
});
