import { Flow, type Start } from './flow';
import type { Stage } from './stage';

/** What a path can start: flows in the account that is named after it. */
export interface Play {
  start(connector: string, start?: Start): Promise<Flow>;
  /** Whatever input, under an id that is made of this account. */
  startAnyhow(input: (account: string) => unknown, connectorId?: number): Promise<Flow>;
}

/** One way through the machine, to its end. The flow that it answers is recorded. */
export type Path = (play: Play) => Promise<Flow>;
export type Paths = { readonly [name: string]: Path };

/** What the path of this name starts. */
export const playOf = (stage: Stage, name: string): Play => ({
  start: (connector, start) => Flow.start(stage, name, connector, start),
  startAnyhow: (input, connectorId = 1) =>
    Flow.startAnyhow(stage, `connector-auth/${name}/${connectorId}`, input(name)),
});
