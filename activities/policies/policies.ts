/** Reads the file of policies, reports the faults of the file, and finds the policy of a connector. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { keyOf, PolicyFile, type Match, type Policy } from './schema';

/** The facts by which a policy matches a connector. */
export interface Matched {
  connectorId: number;
  definition: { id?: number; name?: string };
}

/**
 * The error for a file of policies that can't be read, or is not valid. The message has a line for each fault, and
 * quotes no value of the file.
 */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

const MAX_BYTES = 1024 * 1024;
const RELOAD_EVERY_MS = 2_000;

/** The policies of one version of the file. {@link keyOf} makes the key of each policy. */
export type PolicyMap = ReadonlyMap<string, Policy>;

/** Parses the text of a file. Fails with a {@link PolicyError} that names all faults, each with its path and reason. */
export function policiesOf(text: string): PolicyMap {
  const document = parseDocument(text, { prettyErrors: true });
  // The messages of the parser quote the file, which can hold a secret. So the PolicyError has only the place and the
  // code of each fault.
  const broken = [...document.errors, ...document.warnings].map(({ code, linePos }) => {
    const [{ line, col } = { line: 1, col: 1 }] = linePos ?? [];
    return `line ${line}, column ${col}: the YAML is not valid (${code})`;
  });
  if (broken.length > 0) throw new PolicyError(broken.join('\n'));
  const { data, error } = PolicyFile.safeParse(contentOf(document));
  if (!data) throw new PolicyError(error.issues.map(faultText).join('\n'));
  return new Map(data.policies.map(({ match, ...policy }) => [keyOf(match), policy]));
}

function contentOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new PolicyError('the file has an alias without an anchor, or too many aliases');
  }
}

/** Describes a fault of the file in one line. The messages of zod contain names of types and members, but no value. */
function faultText(issue: z.core.$ZodIssue): string {
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const reason = message.replace('Invalid input: ', 'is wrong: ').replace('Unrecognized key', 'has an unknown member');
  return `${pathText(issue.path)} ${reason}`;
}

const pathText = (path: PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '') || 'the file';

/**
 * The policy of a connector, merged from all policies that match the connector. If several of these policies have a
 * member, the most specific policy applies. The policy for the account connector comes first, then the policy for the
 * id of Cyclr's connector, then the policy for the name of Cyclr's connector. `undefined` if no policy matches.
 */
export function policyIn(policies: PolicyMap, { connectorId, definition: { id, name } }: Matched): Policy | undefined {
  const matches: Match[] = [{ name }, { connector: id }, { accountConnector: connectorId }];
  const found = matches.flatMap((match) => {
    const isKnown = Object.values(match).some((value) => value !== undefined);
    return (isKnown && policies.get(keyOf(match))) || [];
  });
  return found.length > 0 ? Object.assign({}, ...found) : undefined;
}

/**
 * The digest of a policy. Each change of the policy changes the digest, except the change of a fixed value. The digest
 * does not depend on the fixed values, because histories contain the digest, and a fixed value can be a secret.
 */
export function digestOf({ properties = {}, ...policy }: Policy): string {
  const shown = Object.entries(properties).map(([name, { value, ...rest }]) => [
    name,
    { ...rest, fixed: value !== undefined },
  ]);
  return createHash('sha256')
    .update(JSON.stringify([policy, shown]))
    .digest('base64url')
    .slice(0, 12);
}

/** The policies that the activities use at present. */
export class Policies {
  #policies: PolicyMap;
  #watch?: NodeJS.Timeout;

  constructor(policies: PolicyMap) {
    this.#policies = policies;
  }

  /** Reads a file of policies. Fails with a {@link PolicyError} if the file can't be read or is not valid. */
  static async read(path: string): Promise<Policies> {
    return new Policies(policiesOf(await textOf(path)));
  }

  get isEmpty(): boolean {
    return this.#policies.size === 0;
  }

  of(matched: Matched): Policy | undefined {
    return policyIn(this.#policies, matched);
  }

  /**
   * Reads the file every 2 s, until {@link close} is called. If the file has changed, uses its policies and calls
   * `report.changed`. If the file has a fault, keeps the present policies and calls `report.broken`, once for each
   * faulty version of the file. The timer does not keep the process alive.
   */
  watch(path: string, report: { changed(): void; broken(fault: PolicyError): void }): this {
    let last: string | undefined;
    let isReading = false;
    const read = async () => {
      if (isReading) return;
      isReading = true;
      const text = await textOf(path).catch((fault: PolicyError) => fault);
      isReading = false;
      const seen = typeof text === 'string' ? text : text.message;
      if (seen === last) return;
      const isFirst = last === undefined && typeof text === 'string';
      last = seen;
      try {
        if (typeof text !== 'string') throw text;
        const policies = policiesOf(text);
        const isSame = JSON.stringify([...policies]) === JSON.stringify([...this.#policies]);
        this.#policies = policies;
        if (!(isFirst && isSame)) report.changed();
      } catch (fault) {
        report.broken(fault as PolicyError);
      }
    };
    this.#watch = setInterval(() => void read(), RELOAD_EVERY_MS).unref();
    return this;
  }

  close(): void {
    clearInterval(this.#watch);
  }
}

async function textOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new PolicyError('the file is over 1 MiB');
    return await readFile(path, 'utf8');
  } catch (err) {
    if (err instanceof PolicyError) throw err;
    throw new PolicyError(`the file can't be read (${(err as NodeJS.ErrnoException).code})`);
  }
}
