/** What a user does when something is asked for. */
import { setTimeout as delay } from 'node:timers/promises';
import { translated } from '../../client/connector-auth-error';
import type { View } from '../../workflows/messages';
import { isAway, isPromised, signal } from './calls';
import type { Stage } from './connectors';
import { asksForSecret, credentialEntry, propertyEntry, rejections, type Submission } from './inputs';
import type { RunLedger } from './ledger';
import type { ConsentRound, Way } from './plan';
import type { Scene } from './stray-inputs';

const RETURN_TO = 'http://127.0.0.1:9/done';
const LOOK_EVERY_MS = 400;
/** How long a user waits for a signal to show. */
const SHOWS_WITHIN_MS = 12_000;
/** A flow takes one confirmation in 5 s. */
const CONFIRM_AGAIN_MS = 5500;
const CONFIRMATIONS = 12;

/** An input that is ready to be sent, however often. */
interface Ready {
  signal: 'propertyInput' | 'credentialInput';
  body: unknown;
  update(): Promise<View>;
}

export class Giving {
  readonly #rounds;
  /** Of each stage, how many inputs were given: each has an id of its own, and one whose answer was lost keeps it. */
  readonly #given = { properties: 0, credentials: 0, authorization: 0 };
  /** How often the present one was given again. */
  #repeats = 0;

  constructor(
    private readonly scene: Scene,
    private readonly run: RunLedger,
    private readonly untilMs: number,
  ) {
    this.#rounds = structuredClone(run.plan.rounds);
  }

  /** Gives what this stage asks for, or makes the next mistake. */
  async give(stage: Stage, view: View): Promise<void> {
    if (stage === 'authorization') return this.#consent(this.#rounds.authorization.shift());
    const { ready, way, expects } = await this.#next(stage, view);
    const isDone = await this.#send(ready, way, view, expects);
    if (!isDone && this.#repeats++ === 0) return; // the same again, under the same id
    this.#repeats = 0;
    this.#rounds[stage].shift();
    this.#given[stage]++;
  }

  /** Gives the good one at once, before anybody asks. */
  async early(): Promise<void> {
    const { world, ledger } = this.scene;
    const { AuthType = '' } = world.stored(ledger.key)?.Connector ?? {};
    if (AuthType !== 'ApiKey' && AuthType !== 'Basic') return;
    const { body } = await this.#credentials('good', AuthType);
    await signal(world.client, ledger.workflowId, 'credentialInput', body);
  }

  /** Gives the good one, and does not wait. */
  async giveAndLeave(stage: Stage, view: View): Promise<void> {
    if (stage === 'authorization') {
      const link = await this.#link();
      if (link) await this.#follow(link, { decision: 'approve', back: 'callback', older: false });
      return;
    }
    const ready = stage === 'properties' ? await this.#properties('good', view) : await this.#credentialsFor(view);
    const { world, ledger } = this.scene;
    await signal(world.client, ledger.workflowId, ready.signal, ready.body);
  }

  /** A raw call to Temporal, bounded in time and with an error of ours. */
  inTime<T>(call: () => Promise<T>): Promise<T> {
    return translated(() => this.scene.world.client.withDeadline(Date.now() + 5000, call));
  }

  async #next(stage: 'properties' | 'credentials', view: View): Promise<{ ready: Ready; way: Way; expects?: string }> {
    const { what, way } = this.#rounds[stage][0] ?? ({ what: 'good', way: 'update' } as const);
    const ready =
      stage === 'properties'
        ? await this.#properties(what as 'good', view)
        : await this.#credentials(what as 'good', view.connector?.authType ?? '');
    // By a signal it would stand in the history.
    if (what !== 'clear') return { ready, way, expects: rejections[what] };
    return {
      ready,
      way: 'update',
      expects: stage === 'properties' && !asksForSecret(view) ? undefined : rejections[what],
    };
  }

  #submission(stage: Stage): Submission {
    const { key, plan, runs } = this.scene.ledger;
    const label = `f${plan.number}-r${runs.length - 1}`;
    return { key, label, submissionId: `${label}-${stage}-${this.#given[stage]}` };
  }

  async #properties(what: 'good' | 'wrong', { fields = [] }: View): Promise<Ready> {
    const { world, ledger } = this.scene;
    const { optional } = this.run.plan;
    const { input, good } = await propertyEntry(world, this.#submission('properties'), { what, fields, optional });
    for (const [name, value] of Object.entries(good)) this.run.properties.set(name, value);
    const update = () => world.auth.submitProperties(ledger.key, input);
    return { signal: 'propertyInput', body: input, update };
  }

  #credentialsFor(view: View): Promise<Ready> {
    return this.#credentials('good', view.connector?.authType ?? '');
  }

  async #credentials(what: 'good' | 'wrong', authType: string): Promise<Ready> {
    const { world, ledger } = this.scene;
    const { input, good } = await credentialEntry(world, this.#submission('credentials'), what, authType);
    if (good !== undefined) this.run.authValue = good;
    const update = () => world.auth.submitCredentials(ledger.key, input);
    return { signal: 'credentialInput', body: input, update };
  }

  /** Whether it is known that it arrived. */
  async #send(ready: Ready, way: Way, before: View, expects?: string): Promise<boolean> {
    const { world, ledger } = this.scene;
    const byUpdate = () => this.#answered(ready.update, expects);
    const bySignal = () => signal(world.client, ledger.workflowId, ready.signal, ready.body);
    if (way === 'update') return byUpdate();
    if (way === 'both') return (await Promise.all([byUpdate(), bySignal()]))[0];
    if (way === 'forgotten') void byUpdate().catch((err: Error) => ledger.troubles.push(err.message));
    else await bySignal();
    return this.#shows(before);
  }

  async #answered(update: () => Promise<unknown>, expects?: string): Promise<boolean> {
    try {
      await update();
      if (expects) this.scene.ledger.troubles.push(`an input was taken that is to be refused: ${expects}`);
      return true;
    } catch (err) {
      if (isAway(err)) return false;
      if (!isPromised(err)) throw err;
      const fits = [expects, 'closed', 'notNow'].includes(err.code);
      if (!fits) this.scene.ledger.troubles.push(`refused with ${err.code}${expects ? ` instead of ${expects}` : ''}`);
      return true;
    }
  }

  /** Whether something has changed since this view, before the user's patience ends. */
  async #shows({ runId, revision }: View): Promise<boolean> {
    for (const until = Date.now() + SHOWS_WITHIN_MS; Date.now() < until; await delay(LOOK_EVERY_MS)) {
      const view = await this.scene.world.auth.view(this.scene.ledger.key).catch(unlessAway);
      if (view && (view.runId !== runId || view.revision > revision || view.revision === 0)) return true;
    }
    return false;
  }

  async #consent(round: ConsentRound = { decision: 'approve', back: 'confirm', older: false }): Promise<void> {
    const link = await this.#link();
    if (!link) return;
    if (round.older) await this.#link();
    const granted = await this.#follow(link, round);
    if (!granted) return;
    // Cyclr knows it now. A user who asks often enough is told so.
    for (let tries = 0; tries < CONFIRMATIONS && Date.now() < this.untilMs; tries++) {
      if (await this.#confirm(link.attemptId)) return;
      await delay(CONFIRM_AGAIN_MS);
    }
    this.scene.ledger.troubles.push('the consent was given, and not seen');
  }

  async #link(): Promise<{ attemptId: string; url: string } | undefined> {
    const { world, ledger, attempts } = this.scene;
    const link = await world.auth
      .requestAuthorization(ledger.key, { returnTo: RETURN_TO, by: 'user' })
      .catch(unlessPromised);
    if (!link) return undefined;
    attempts.push(link.attemptId);
    this.run.confirmations.set(link.attemptId, 0);
    return link;
  }

  /** Decides at the third party, and comes back. Whether Cyclr has got something new. */
  async #follow({ attemptId, url }: { attemptId: string; url: string }, round: ConsentRound): Promise<boolean> {
    const { world, ledger } = this.scene;
    const stored = () => world.stored(ledger.key)?.AuthValue;
    const before = stored();
    await world.sandbox.consent(url, round.decision);
    const after = stored();
    if (after !== before && after) this.run.granted.push(after);
    const callback = () => signal(world.client, ledger.workflowId, 'oauthCallback', { attemptId, by: 'callback' });
    if (round.back === 'callback' || round.back === 'both') await callback();
    if (round.back === 'repeated') await Promise.all([callback(), callback(), callback()]);
    if (round.back === 'confirm' || round.back === 'both') await this.#confirm(attemptId);
    return after !== before;
  }

  /** Whether it is over with the consent. */
  async #confirm(attemptId: string): Promise<boolean> {
    const { world, ledger } = this.scene;
    this.run.confirmations.set(attemptId, (this.run.confirmations.get(attemptId) ?? 0) + 1);
    const view = await world.auth.confirmAuthorization(ledger.key, { attemptId, by: 'user' }).catch((err: unknown) => {
      if (isAway(err)) return undefined;
      if (isPromised(err) && (err.code === 'closed' || err.code === 'notNow')) return null;
      throw err;
    });
    return view === null || (view !== undefined && !view.state.endsWith('Authorization'));
  }
}

function unlessPromised(err: unknown): undefined {
  if (!isPromised(err)) throw err;
}

function unlessAway(err: unknown): undefined {
  if (!isAway(err)) throw err;
}
