import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** A JSON file that is whole at every moment, readable by its owner alone. */
export class DataFile {
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private readonly content: () => unknown,
  ) {}

  /** Resolves once what was there at the call is on the disk. Calls that come during a write share the next one. */
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
    const unfinished = `${this.path}.tmp`;
    await writeFile(unfinished, JSON.stringify(this.content()), { mode: 0o600 });
    await rename(unfinished, this.path);
  }
}

/** What the file says, or undefined where there is no such file. Fails: an Error where it can't be read or is no JSON. */
export function readDataFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} is no data of this sandbox: ${(err as Error).message}. Delete it or name another file`);
  }
}
