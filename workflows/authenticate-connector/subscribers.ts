/** The subscribers: the workflows to which a flow reports its end. */
import { getExternalWorkflowHandle } from '@temporalio/workflow';
import { isObject } from '../connector';
import { connectorFinished, type ConnectorFinished } from '../messages';
import type { ProblemCode } from '../view';

const MAX_SUBSCRIBERS = 20;

export class Subscribers {
  readonly #ids: Set<string>;
  /** The subscribers to which the flow has begun to report its end. */
  readonly #told = new Set<string>();

  constructor(ids: readonly string[] = []) {
    this.#ids = new Set(ids);
  }

  /** The ids of the subscribers, for the next run after Continue-As-New. */
  get carried(): string[] {
    return [...this.#ids];
  }

  /** True if there is a subscriber to which the flow has not begun to report its end. */
  get hasUntold(): boolean {
    return this.#ids.size > this.#told.size;
  }

  /**
   * Adds the workflow that a signal `subscribe` names. Returns the code of the problem if the flow refuses the signal.
   * Returns `undefined` if the workflow is now a subscriber, or was a subscriber before.
   */
  add(body: unknown): ProblemCode | undefined {
    const { workflowId } = isObject(body) ? body : {};
    if (!isWorkflowId(workflowId)) return 'malformed';
    if (!this.#ids.has(workflowId) && this.#ids.size >= MAX_SUBSCRIBERS) return 'notNow';
    this.#ids.add(workflowId);
    return undefined;
  }

  /**
   * Reports the end of the flow to each subscriber to which the flow has not yet begun to report its end. If a signal
   * fails, the flow ignores the failure, because the subscriber may have ended.
   */
  async tell(message: ConnectorFinished): Promise<void> {
    const untold = [...this.#ids].filter((id) => !this.#told.has(id));
    for (const id of untold) this.#told.add(id);
    const send = (id: string) => getExternalWorkflowHandle(id).signal(connectorFinished, message);
    await Promise.allSettled(untold.map(send));
  }
}

/**
 * True if the server accepts a text as the id of a workflow to which the flow sends a signal: at most 1,000 bytes. With
 * a longer id, each workflow task of the flow would fail. The server counts bytes, so this function accepts only ASCII
 * characters.
 */
const isWorkflowId = (value: unknown): value is string => typeof value === 'string' && /^[ -~]{1,1000}$/.test(value);
