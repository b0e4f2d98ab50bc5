/** Wakes the one who waits for it. A ring that comes earlier is kept. */
export class Bell {
  #rung = false;
  #wake?: () => void;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Forgets a ring that nobody has heard. */
  hush(): void {
    this.#rung = false;
  }

  /** Until it rings, for so long at most. Whether it rang. */
  async heard(withinMs: number): Promise<boolean> {
    if (!this.#rung) await this.#rings(withinMs);
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }

  #rings(withinMs: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => this.#wake?.(), withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        done();
      };
    });
  }
}
