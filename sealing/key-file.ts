/**
 * Reads key sets from files. This code is not in `keys.ts`, because browsers load `keys.ts` and have no file system.
 */
import { readFile } from 'node:fs/promises';
import { KeySetError } from './keys';

/**
 * Returns the text of a JWK set. `valueOrFile`: this text, or the path of a file with this text. Fails with a {@link
 * KeySetError}. The error does not quote `valueOrFile`, because `valueOrFile` can be a JWK set with a stray character
 * at its start.
 */
export async function readKeySet(valueOrFile: string): Promise<string> {
  const value = valueOrFile.trim();
  if (value.startsWith('{')) return value;
  const text = await readFile(value, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new KeySetError(`neither a JWK set nor the path of a file that can be read (${code})`);
  });
  if (text.trim() === '') throw new KeySetError('the file is empty');
  return text;
}
