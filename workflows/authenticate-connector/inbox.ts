import type { View } from '../messages';
import { isAboutConsent, type Message } from './inputs';

/** What was sent and is not read yet, and what was read while nobody knows yet what becomes of it. */
export class Inbox {
  readonly #unread: Message[] = [];
  /** Of several who asked for the same, all. */
  readonly #inWork: Message[] = [];

  get isEmpty(): boolean {
    return this.#unread.length === 0;
  }

  /** What asks whether the user has consented, and has no answer yet. */
  get aboutConsent(): Message | undefined {
    return this.#inWork.find(isAboutConsent) ?? this.#unread.find(isConfirmation);
  }

  put(message: Message): void {
    this.#unread.push(message);
  }

  next(): Message | undefined {
    return this.#unread.shift();
  }

  /** It is worked on from now on. */
  take(message: Message): void {
    this.#inWork.push(message);
  }

  /** A verification begins: who has asked for one is told what comes of this. */
  takeConfirmation(): void {
    const asked = this.#unread.findIndex(isConfirmation);
    if (asked >= 0) this.#inWork.push(...this.#unread.splice(asked, 1));
  }

  /** It is known now what became of what was taken. Another may follow at once: the view is kept for its sender. */
  settle(view: View): void {
    for (const message of this.#inWork.splice(0)) message.answer = view;
  }
}

const isConfirmation = ({ kind }: Message): boolean => kind === 'confirmation';
