import { readFile } from 'node:fs/promises';
import { KeySetError } from './keys';

/**
 * The text of a JWK set that is given as such, or as the path of a file of it. Fails with a {@link KeySetError} that
 * does not name the path: a set with a stray character before it would be taken for one.
 */
export async function readKeySet(valueOrFile: string): Promise<string> {
  const value = valueOrFile.trim();
  if (value.startsWith('{')) return value;
  return readFile(value, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new KeySetError(`neither a JWK set nor the path of a file that can be read (${code})`);
  });
}
