/** Reads heap snapshots of V8. Compares, for each constructor, the objects in two snapshots. */
import { readFileSync, rmSync } from 'node:fs';

/**
 * For each constructor, the number of its objects, and their size in bytes. A value that is no object counts under its
 * kind, such as `(string)`.
 */
export type Objects = Map<string, { count: number; bytes: number }>;

export interface Growth {
  name: string;
  count: number;
  bytes: number;
}

const TOP = 12;

/** The parts of the file that this reader uses. `nodes` has the fields of all nodes, one node after the other. */
interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]] } };
  nodes: number[];
  strings: string[];
}

/** Adds up the objects in the snapshots of all threads of a process, and deletes the files. */
export function readObjects(files: string[]): Objects {
  const objects: Objects = new Map();
  for (const file of files) {
    add(objects, JSON.parse(readFileSync(file, 'utf8')) as Snapshot);
    rmSync(file);
  }
  return objects;
}

function add(objects: Objects, { snapshot, nodes, strings }: Snapshot): void {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [number, number, number]; // prettier-ignore
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = types[0][nodes[at + type]!]!;
    const key = kind === 'object' || kind === 'native' ? strings[nodes[at + name]!]! : `(${kind})`;
    const entry = objects.get(key) ?? { count: 0, bytes: 0 };
    objects.set(key, { count: entry.count + 1, bytes: entry.bytes + nodes[at + size]! });
  }
}

/** The kinds of values that V8 makes itself while it compiles and optimizes code. */
const OF_V8 = ['(code)', '(hidden)', '(object shape)'];

/** How many bytes the objects of the program need more in `after` than in `before`. */
export function retainedBytes(before: Objects, after: Objects): number {
  const bytesOf = (objects: Objects) =>
    [...objects].reduce((sum, [name, { bytes }]) => sum + (OF_V8.includes(name) ? 0 : bytes), 0);
  return bytesOf(after) - bytesOf(before);
}

/** Returns the constructors whose objects need more bytes in `after` than in `before`. The largest growth is first. */
export const growthOf = (before: Objects, after: Objects): Growth[] =>
  [...after]
    .map(([name, { count, bytes }]) => {
      const { count: countBefore, bytes: bytesBefore } = before.get(name) ?? { count: 0, bytes: 0 };
      return { name: name.slice(0, 60), count: count - countBefore, bytes: bytes - bytesBefore };
    })
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, TOP);
