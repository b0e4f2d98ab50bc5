/** A user: looks where the flow stands, gives what is asked for, and tries again when something is away. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AccountConnector } from '../../sandbox/answers';
import { finalStates, type View } from '../../workflows/messages';
import { isPromised, persistently } from './calls';
import { stageOf, type Stage } from './connectors';
import { Giving } from './giving';
import type { Ledger, RunLedger } from './ledger';
import type { RunPlan } from './plan';
import { sendStray, type Scene } from './stray-inputs';
import type { Stray } from './strays';

const FIRST_LOOK_MS = 300;
const LONGEST_LOOK_MS = 2500;
/** A flow that has not come to its end by then is lost. */
export const PATIENCE_MS = 5 * 60_000;

export class User {
  readonly #until = Date.now() + PATIENCE_MS;
  #turn = 0;

  constructor(private readonly scene: Scene) {}

  /** Plays all runs of the plan, one after the other. */
  async play(): Promise<void> {
    const { plan } = this.#ledger;
    try {
      for (const run of plan.runs) await this.#playRun(run);
      const isOver = finalStates.includes(this.#ledger.lastView?.state ?? 'fetchingConnector');
      if (isOver) for (const stray of plan.late) await sendStray(this.scene, stray);
    } catch (err) {
      this.#trouble(err);
    }
  }

  get #ledger(): Ledger {
    return this.scene.ledger;
  }

  async #playRun(plan: RunPlan): Promise<void> {
    const run = await this.#start(plan);
    const giving = new Giving(this.scene, run, this.#until);
    if (plan.early && plan.rounds.credentials.length > 0) await giving.early();
    for (let view = await this.#settled(); stageOf(view.state); view = await this.#settled()) {
      await this.#think(plan);
      const stage = stageOf(view.state)!;
      if (plan.stop?.at !== stage) await giving.give(stage, view);
      else if (plan.stop.how === 'leaves') return;
      else return void (await this.#stop(plan.stop.how, giving, stage, view));
    }
  }

  async #start(plan: RunPlan): Promise<RunLedger> {
    const { key } = this.#ledger;
    const { intent, patience } = plan;
    const start = () => this.scene.world.auth.start(key, { intent, patience, by: 'user' });
    const again = () => void (this.#ledger.startedAgain = true);
    const starts = plan.doubled ? [start, start] : [start];
    const [first] = await Promise.all(starts.map((call) => persistently(call, this.#until, again)));
    const run = { runId: first!.runId, plan, properties: new Map(), granted: [], confirmations: new Map() };
    this.#ledger.runs.push(run);
    return run;
  }

  /** Does nothing for a while, but for what changes nothing. */
  async #think({ early, stop }: RunPlan): Promise<void> {
    const mayHaveEnded = early || stop?.how === 'waitsTooLong' || this.#ledger.runs.length > 1;
    const { thinksMs, strays } = this.#ledger.plan;
    await delay(thinksMs[this.#turn]);
    const starts: Stray['kind'][] = ['secondStart', 'reauthentication'];
    for (const stray of strays[this.#turn++] ?? [])
      if (!mayHaveEnded || !starts.includes(stray.kind)) await sendStray(this.scene, stray);
  }

  async #stop(how: string, giving: Giving, stage: Stage, view: View): Promise<void> {
    const { world, ledger } = this.scene;
    if (how === 'cancelsAtWork') await giving.giveAndLeave(stage, view);
    if (how === 'cancelsInTemporal')
      await persistently(
        () => giving.inTime(() => world.client.workflow.getHandle(ledger.workflowId).cancel()),
        this.#until,
      );
    else if (how !== 'waitsTooLong')
      await persistently(() => world.auth.cancel(ledger.key, { by: 'user' }), this.#until);
    for (let seen = await this.#settled(); !finalStates.includes(seen.state); seen = await this.#settled())
      await delay(LONGEST_LOOK_MS);
  }

  /** The view, once it waits for somebody or has ended. */
  async #settled(): Promise<View> {
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(1.5 * pause, LONGEST_LOOK_MS)) {
      const view = await this.#look();
      if (stageOf(view.state) || finalStates.includes(view.state)) return view;
      if (Date.now() > this.#until) throw new Error(`it stays in ${view.state}`);
      await delay(pause);
    }
  }

  async #look(): Promise<View> {
    const { world, ledger } = this.scene;
    const before = world.stored(ledger.key);
    const view = await persistently(() => world.auth.view(ledger.key), this.#until);
    this.#compare(view);
    if (before) ledger.askedAgain.push(...this.#askedAgain(view, before));
    if (Date.now() > this.#until) throw new Error(`it is still in ${view.state}`);
    return view;
  }

  /** What the view asks for, although Cyclr had it before the view was asked for. */
  #askedAgain(
    { runId, state, fields = [] }: View,
    { Authenticated, AuthValue, Properties }: AccountConnector,
  ): string[] {
    const authValue = this.#ledger.runs.find((run) => run.runId === runId)?.authValue;
    const missing = fields.filter(({ required, stored }) => required && !stored);
    const has = (name: string) => Properties.some(({ Name, Value }) => Name === name && Value !== '');
    const again = missing.flatMap(({ name }) => (has(name) ? [`the property ${name}`] : []));
    if (state === 'awaitingCredentials' && Authenticated && AuthValue === authValue) again.push('the credentials');
    return again;
  }

  /** A revision is never older than one that was seen, and never another view's. */
  #compare(view: View): void {
    const { lastView, troubles } = this.#ledger;
    this.#ledger.lastView = view;
    if (lastView?.runId !== view.runId || view.revision === 0) return; // 0: made up, for a run without a result
    if (view.revision < lastView.revision) troubles.push(`revision ${view.revision} after ${lastView.revision}`);
    const isSame = JSON.stringify(view) === JSON.stringify(lastView);
    if (view.revision === lastView.revision && !isSame) troubles.push(`two views of revision ${view.revision}`);
  }

  #trouble(err: unknown): void {
    const code = isPromised(err) ? err.code : 'no error of the library';
    this.#ledger.troubles.push(`${code}: ${err instanceof Error ? `${err.name}: ${err.message}` : String(err)}`);
  }
}
