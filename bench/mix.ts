/**
 * A mixed load at a fixed rate. One unit of the load is an API key flow, a consent flow, an onboarding, a monitor or
 * another kind of work. At its end, a unit leaves no workflow open. The units use the same connectors again and again,
 * so caches with an entry for each connector do not grow.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuth } from '../client/connector-auth';
import { expectationOf } from '../scripts/user/expectations';
import { persistent, persistently } from '../scripts/user/persistent';
import {
  backendCallOf,
  libraryTransport,
  sealerOf,
  serviceTransport,
  type Transport,
} from '../scripts/user/transports';
import { goodAnswers, inOrder, User, type AnswerSource } from '../scripts/user/user';
import { connectionWorkflowIdOf, type ConnectionState } from '../workflows/connection';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
import { onboardingWorkflowIdOf } from '../workflows/onboarding';
import { install, type Part } from './flows';
import { watchesOf } from './service/watches';
import type { BenchService, Stack } from './stack';

const ACCOUNTS = 30;
const CONNECTORS = ['Fernhill', 'Kestrel', 'Ledgerly', 'Brightdesk', 'Brightdesk', 'Evergreen'];
const ONBOARDING = 'o1';
/** The time limit of one unit. Only a unit that hangs reaches this limit. */
const LIMIT_MS = 300_000;
const POLL_MS = 500;

/** An account with one connector for each item of CONNECTORS. An account belongs to at most one running unit. */
type Account = [ConnectorKey, ...ConnectorKey[]];

export class Mix {
  /** One text for each failed unit. */
  readonly errors: string[] = [];
  /** The number of ended units, and the number of events that these units must have sent. */
  units = 0;
  events = 0;
  /** The number of units that were not started because all accounts were in use. */
  skipped = 0;
  /** The number of calls that a unit repeated because Temporal or a worker did not answer in time. */
  repeats = 0;
  /**
   * How long each input through the service took, in milliseconds: from the sending of the input until its effect is
   * known.
   */
  inputsMs: number[] = [];
  readonly #free: Account[] = [];
  readonly #repeating = { withinMs: LIMIT_MS, onRepeat: () => void this.repeats++ };
  readonly #auth: ConnectorAuth;
  readonly #library: Transport;
  readonly #service: Transport;
  #next = 0;

  constructor(
    readonly stack: Stack,
    readonly service: BenchService,
  ) {
    this.#auth = new ConnectorAuth(stack.client);
    const returnTo = 'http://127.0.0.1:9/done';
    const library = libraryTransport({ auth: this.#auth, sealer: sealerOf(stack.publicKey), returnTo });
    this.#library = persistent(library, this.#repeating);
    this.#service = this.#timed(persistent(serviceTransport(backendCallOf(service)), this.#repeating));
  }

  async install(): Promise<void> {
    for (let count = 0; count < ACCOUNTS; count++) {
      this.#free.push((await install(this.stack, CONNECTORS)) as Account);
    }
  }

  /** Starts `rate` units in each minute for `ms` milliseconds, and waits for the ends of all units. */
  async play(ms: number, rate: number): Promise<void> {
    const running = new Set<Promise<void>>();
    const since = performance.now();
    for (let due = since; due < since + ms; due += 60_000 / rate) {
      await delay(Math.max(0, due - performance.now()));
      const account = this.#free.shift();
      if (!account) {
        this.skipped++;
        continue;
      }
      const unit = this.#run(account).finally(() => running.delete(unit));
      running.add(unit);
    }
    await Promise.all(running);
  }

  async #run(account: Account): Promise<void> {
    const [name, events] = shares[this.#next++ % shares.length]!;
    try {
      await this.#kinds[name](account);
      this.events += events;
    } catch (err) {
      this.errors.push(`${new Date().toISOString()} ${name}: ${String(err)}`);
      await this.#terminate(account);
    }
    this.units++;
    this.#free.push(account);
  }

  /** Terminates the workflows that a failed unit has left open. */
  async #terminate(account: Account): Promise<void> {
    const onboarding = onboardingWorkflowIdOf({ accountId: account[0].accountId, onboardingId: ONBOARDING });
    const ids = [onboarding, ...account.flatMap((key) => [workflowIdOf(key), connectionWorkflowIdOf(key)])];
    const { workflow } = this.stack.client;
    for (const id of ids)
      await workflow
        .getHandle(id)
        .terminate()
        .catch(() => undefined); // most of these workflows are not open, and then `terminate` fails
  }

  readonly #kinds = {
    key: (account: Account) => this.#play('Fernhill', account, this.#service),
    consent: (account: Account) => this.#play('Ledgerly', account, this.#service),
    mistake: (account: Account) => {
      const good = goodAnswers('Fernhill');
      const wrong = { credentials: { kind: 'apiKey', key: 'wrong-key' } } as const;
      const answers = inOrder({ ...good, awaitingCredentials: [wrong, ...good.awaitingCredentials] });
      return this.#play('Fernhill', account, this.#library, answers);
    },
    session: async (account: Account) => {
      const key = await this.#renewed('Kestrel', account);
      await this.#call(() => this.#auth.start(key)); // otherwise, the stream would show the end of the earlier run
      const watch = await watchesOf(this.stack, this.service).stream({ key } as Part);
      await this.#authenticate('Kestrel', key, this.#library);
      await watch.sees('authenticated');
      watch.leave();
    },
    onboarding: async (account: Account) => {
      const keys = await Promise.all([0, 1].map((which) => this.#renewed('Brightdesk', account, which)));
      const onboarding = { accountId: keys[0]!.accountId, onboardingId: ONBOARDING };
      const connectorIds = keys.map(({ connectorId }) => connectorId);
      await this.#call(() => this.#auth.startOnboarding({ ...onboarding, scope: { connectorIds } }));
      await Promise.all(keys.map((key) => this.#authenticate('Brightdesk', key, this.#library)));
      const handle = this.stack.client.workflow.getHandle(onboardingWorkflowIdOf(onboarding));
      isAs('onboarding', ((await handle.result()) as { state: string }).state, 'completed');
    },
    monitor: async (account: Account) => {
      const [key] = keysOf('Evergreen', account) as [ConnectorKey];
      // Each call of `read` sets a new interval: with an unchanged interval, the monitor reads at most once in 10 s.
      const read = async (hours: number, wanted: ConnectionState) => {
        const until = performance.now() + LIMIT_MS;
        let { state } = await this.#call(() => this.#auth.monitor(key, { every: `${hours} hours` }));
        for (; state !== wanted && performance.now() < until; await delay(POLL_MS))
          ({ state } = await this.#call(() => this.#auth.connection(key)));
        isAs('monitor', state, wanted);
      };
      await read(1, 'connected');
      await this.#patch(key, { Authenticated: false });
      await read(2, 'broken');
      await this.#patch(key, { Authenticated: true });
      await read(3, 'connected');
      await this.#call(() => this.#auth.monitor(key, { stop: true }));
    },
  };

  #call<T>(call: () => Promise<T>): Promise<T> {
    return persistently(call, this.#repeating);
  }

  async #play(connector: string, account: Account, transport: Transport, answers?: AnswerSource): Promise<void> {
    await this.#authenticate(connector, await this.#renewed(connector, account), transport, answers);
  }

  async #authenticate(
    connector: string,
    key: ConnectorKey,
    transport: Transport,
    answers: AnswerSource = inOrder(goodAnswers(connector)),
  ): Promise<void> {
    const { sandboxUrl } = this.stack;
    const user = new User({ key, transport, answers, sandboxUrl, signal: AbortSignal.timeout(LIMIT_MS) });
    isAs(connector, (await user.play()).state, 'authenticated');
    // Waits until the run has closed, because the next unit of this connector must start a new run.
    await this.#call(() => this.#auth.result(key));
  }

  /** Removes the values that an earlier unit has stored in the connector. */
  async #renewed(connector: string, account: Account, which = 0): Promise<ConnectorKey> {
    const key = keysOf(connector, account)[which]!;
    const names = Object.keys(expectationOf(connector).properties ?? {});
    const Properties = names.map((Name) => ({ Name, Value: '' }));
    await this.#patch(key, { Authenticated: false, AuthValue: null, Properties });
    return key;
  }

  async #patch({ accountId, connectorId }: ConnectorKey, body: object): Promise<void> {
    const url = `${this.stack.sandboxUrl}/_sandbox/accounts/${accountId}/connectors/${connectorId}`;
    const headers = { 'Content-Type': 'application/json' };
    const { ok, status } = await fetch(url, { method: 'PATCH', headers, body: JSON.stringify(body) });
    if (!ok) throw new Error(`PATCH ${url}: status ${status}`);
  }

  #timed(transport: Transport): Transport {
    const timed = async <T>(call: () => Promise<T>): Promise<T> => {
      const since = performance.now();
      const answer = await call();
      this.inputsMs.push(performance.now() - since);
      return answer;
    };
    return {
      ...transport,
      submitProperties: (key, submission) => timed(() => transport.submitProperties(key, submission)),
      submitCredentials: (key, submission) => timed(() => transport.submitCredentials(key, submission)),
    };
  }
}

/** The kinds of ten units in a row, and the number of events that each unit sends. */
const shares = [
  ['key', 3],
  ['consent', 2],
  ['key', 3],
  ['monitor', 2],
  ['key', 3],
  ['onboarding', 7],
  ['key', 3],
  ['session', 3],
  ['consent', 2],
  ['mistake', 4],
] as const;

const keysOf = (connector: string, account: Account): ConnectorKey[] =>
  account.filter((_, i) => CONNECTORS[i] === connector);

function isAs(what: string, state: string | undefined, wanted: string): void {
  if (state !== wanted) throw new Error(`${what} is ${state} instead of ${wanted}`);
}
