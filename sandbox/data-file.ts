import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** A JSON file that only its owner can read. The file never has a partly written content. */
export class DataFile {
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  readonly #path: string;
  readonly #content: () => unknown;

  constructor(path: string, content: () => unknown) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * Resolves when the file has the state that the sandbox had at the time of the call. If calls come while a write
   * runs, one further write serves all of them.
   */
  save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return (this.#writing = this.#write());
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const unfinished = `${this.#path}.tmp`;
    await writeFile(unfinished, JSON.stringify(this.#content()), { mode: 0o600 });
    await rename(unfinished, this.#path);
  }
}

/**
 * Returns the parsed content of the file. Returns undefined if the file does not exist. Fails: an Error if the file
 * can't be read or is not JSON.
 */
export function readDataFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(
      `${path} is no data file of this sandbox: ${(err as Error).message}. Delete it or name another file`,
    );
  }
}
