/**
 * The transports of planned users. A transport sends inputs by updates, by signals or by both, with mistakes in the
 * sealing and with repetitions.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { finalStates, type ProblemCode, type StateName, type View } from '../../workflows/view';
import { isWaiting } from '../user/expectations';
import { libraryTransport, signalInputs, type Transport } from '../user/transports';
import { recordedConsents, recordedTransport, type FlowRecord } from './flow-record';
import { rejections, sealerWith, type CredentialMistake, type PropertyMistake } from './mistakes';
import { persistent } from '../user/persistent';
import type { ConsentRound, Way } from './plan';
import type { FaultStack } from './stack';

export const RETURN_TO = 'http://127.0.0.1:9/done';
/** The pause between two confirmations, because a flow accepts only one confirmation in 5 s. */
const CONFIRM_AGAIN_MS = 5_500;
const CONFIRMATIONS = 12;

type Mistake = PropertyMistake | CredentialMistake;

export class PlannedTransports {
  constructor(
    readonly stack: FaultStack,
    readonly record: FlowRecord,
    /** Collects the ids of the OAuth attempts of all flows. */
    readonly attempts: string[],
    readonly signal: AbortSignal,
  ) {}

  library(mistake?: Mistake): Transport {
    const { stack, record, attempts, signal } = this;
    const sealer = sealerWith(mistake, stack.publicKey);
    const library = libraryTransport({ auth: stack.auth, sealer, returnTo: RETURN_TO });
    const recorded = recordedTransport(library, record, stack.stored, (id) => void attempts.push(id));
    const onRepeat = (method: keyof Transport) => {
      if (method === 'start') record.startRepeated = true;
    };
    return persistent(recorded, { signal, onRepeat });
  }

  signals(mistake?: Mistake, by = 'user'): Transport {
    const { client, publicKey } = this.stack;
    const signals = signalInputs({ client, sealer: sealerWith(mistake, publicKey), by });
    return { ...this.library(mistake), ...persistent(signals, { signal: this.signal }) };
  }

  /** Returns a transport for one input. `isRejected: false`: the flow accepts the input in spite of the mistake. */
  inputs({ mistake, way, isRejected = true }: { mistake?: Mistake; way: Way; isRejected?: boolean }): Transport {
    const [library, signals] = [this.library(mistake), this.signals(mistake)];
    const rejection = isRejected && mistake ? rejections[mistake] : undefined;
    const how = mistake === 'clear' ? 'update' : way; // a signal would put the clear value into the history
    const send = async (byUpdate: () => Promise<View | void>, bySignal: () => Promise<View | void>) => {
      if (how === 'signal') return bySignal();
      const answer = this.#answer(byUpdate(), rejection);
      if (how === 'both') await bySignal();
      if (how !== 'unheard') return answer;
      void answer.catch((err: unknown) => this.record.problems.push(String(err)));
    };
    return {
      ...library,
      submitProperties: (key, submission) =>
        send(
          () => library.submitProperties(key, submission),
          () => signals.submitProperties(key, submission),
        ),
      submitCredentials: (key, submission) =>
        send(
          () => library.submitCredentials(key, submission),
          () => signals.submitCredentials(key, submission),
        ),
    };
  }

  /**
   * Returns the view after the update. If the flow rejected the update, returns the last view, and records a problem if
   * the plan did not expect this rejection. A flow in a working state accepts an update before it checks the input. If
   * the flow then refuses the input, the view after the update has the reason. If the flow is still in a working state
   * after 10 s, the view is the answer, and tells nothing about the input.
   */
  async #answer(update: Promise<View | void>, rejection: ProblemCode | undefined): Promise<View | void> {
    const { problems, lastView } = this.record;
    try {
      const view = await update;
      if (rejection && !(view && isWorking(view.state)) && view?.problem?.code !== rejection)
        problems.push(`the flow accepted an input that it must reject as ${rejection}`);
      return view;
    } catch (err) {
      if (!(err instanceof ConnectorAuthError)) throw err;
      if (![rejection, 'closed', 'notNow'].includes(err.code))
        problems.push(`the flow rejected an input as ${err.code}${rejection ? ` instead of ${rejection}` : ''}`);
      return lastView;
    }
  }

  /**
   * Returns a transport for a consent. After the consent, only a callback tells the flow that the browser has returned.
   */
  callback(): Transport {
    return recordedConsents(this.signals(undefined, 'callback'), this.record, this.stack.stored);
  }

  consents({ back, superseded }: Pick<ConsentRound, 'back' | 'superseded'>): Transport {
    const [library, callbacks] = [this.library(), this.signals(undefined, 'callback')];
    const { granted } = this.record.runs.at(-1)!;
    const grantedBefore = granted.length;
    const transport: Transport = {
      ...library,
      requestLink: async (key) => {
        const link = await library.requestLink(key);
        if (superseded) await library.requestLink(key);
        return link;
      },
      returnFromConsent: async (key, link) => {
        const callback = () => callbacks.returnFromConsent(key, link);
        const confirm = () => library.returnFromConsent(key, link);
        if (back === 'callback' || back === 'both') await callback();
        if (back === 'repeated') await Promise.all([callback(), callback(), callback()]);
        if (back === 'confirm' || back === 'both') await confirm();
        if (granted.length > grantedBefore) return this.#confirmed(confirm);
      },
    };
    return recordedConsents(transport, this.record, this.stack.stored);
  }

  /**
   * Repeats the confirmation until the flow no longer waits for consent. The user has consented before this
   * call. So if the flow still waits for consent after the last repetition, records a problem.
   */
  async #confirmed(confirm: () => Promise<View | void>): Promise<View | void> {
    for (let tries = 0; tries < CONFIRMATIONS; tries++) {
      const view = await confirm();
      if (!view || !view.state.endsWith('Authorization')) return view;
      await delay(CONFIRM_AGAIN_MS, undefined, { signal: this.signal });
    }
    this.record.problems.push('the user consented, but the flow still waits for consent');
  }
}

const isWorking = (state: StateName): boolean => !isWaiting(state) && !finalStates.includes(state);
