/** Writes properties to Cyclr. */
import type { CyclrClient, Target } from './cyclr/client';
import { CyclrError, isOfKind } from './cyclr/errors';
import type { StoredProperty } from './cyclr/wire';

/** Cyclr refused the value of a property. The message has method, path and status. */
export class PropertyRefused extends Error {
  override readonly name = 'PropertyRefused';
  constructor(
    readonly property: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Sets the properties. When Cyclr has accepted a property, adds its name to `taken`. Safe to repeat, because the
 * function lists the stored properties first, and overwrites a property that exists already. Fails with a {@link
 * PropertyRefused} if Cyclr refuses a value, and with a CyclrError in all other cases.
 */
export async function setProperties(
  cyclr: CyclrClient,
  target: Target,
  values: ReadonlyMap<string, string>,
  taken: Set<string> = new Set(),
) {
  const stored = await cyclr.listProperties(target);
  let unconfirmed: CyclrError | undefined;
  for (const [name, value] of values) {
    const doubt = await setProperty(cyclr, target, stored, name, value).catch((err: unknown) => {
      throw isOfKind(err, 'refused') ? new PropertyRefused(name, err.message) : err;
    });
    if (!doubt) taken.add(name);
    unconfirmed ??= doubt;
  }
  if (unconfirmed) await confirmByList(cyclr, target, values, taken, unconfirmed);
}

/**
 * Lists the properties once, after Cyclr's answer to a write could not be read. If Cyclr stores the sent value of a
 * property, adds its name to `taken`. If one of the values is not stored, throws `unconfirmed`, the error of the first
 * write without a readable answer.
 */
async function confirmByList(
  cyclr: CyclrClient,
  target: Target,
  values: ReadonlyMap<string, string>,
  taken: Set<string>,
  unconfirmed: CyclrError,
): Promise<void> {
  const stored = await cyclr.listProperties(target);
  for (const [name, value] of values) {
    const found = stored.filter(({ Name }) => Name === name);
    if (found.length > 0 && found.every(({ Value = value }) => Value === value)) taken.add(name);
  }
  if ([...values.keys()].some((name) => !taken.has(name))) throw unconfirmed;
}

/**
 * The pause before the next activity attempt after a POST that got no answer, or the status 408 or 5xx. Cyclr can still
 * create the property during this pause. The next attempt lists the properties first, and sends the value again only if
 * Cyclr has not stored the value.
 */
const UNANSWERED_POST_PAUSE_MS = 10_000;

/**
 * Creates a property. Fails as `postProperty` does. After an error of the kind `unreachable`, the pause before the next
 * activity attempt is at least {@link UNANSWERED_POST_PAUSE_MS}.
 */
const addProperty = (cyclr: CyclrClient, target: Target, name: string, value: string): Promise<void> =>
  cyclr.postProperty(target, name, value).catch((err: unknown) => {
    if (!isOfKind(err, 'unreachable')) throw err;
    throw new CyclrError(err.kind, err.message, Math.max(err.retryAfterMs ?? 0, UNANSWERED_POST_PAUSE_MS));
  });

/**
 * Creates the property if Cyclr stores no property of this name. If Cyclr stores one or more properties of this name,
 * overwrites each of them whose value is not `value`. If Cyclr's answer to a write can't be read, returns the error of
 * the first such write.
 */
async function setProperty(
  cyclr: CyclrClient,
  target: Target,
  stored: StoredProperty[],
  name: string,
  value: string,
): Promise<CyclrError | undefined> {
  const existing = stored.filter(({ Name }) => Name === name);
  if (existing.length === 0) return unconfirmedIn(addProperty(cyclr, target, name, value));
  let unconfirmed: CyclrError | undefined;
  for (const property of existing.filter(({ Value }) => Value !== value)) {
    const doubt = await unconfirmedIn(cyclr.putProperty(target, property, value));
    unconfirmed ??= doubt;
  }
  return unconfirmed;
}

const unconfirmedIn = (write: Promise<void>): Promise<CyclrError | undefined> =>
  write.then(
    () => undefined,
    (err: unknown) => {
      if (isOfKind(err, 'unconfirmed')) return err;
      throw err;
    },
  );
