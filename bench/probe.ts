/**
 * Loaded before a worker's main, and so into each of its threads: tells over HTTP what memory is in use once the garbage
 * is collected. `BENCH_PROBE_PORT` is where.
 */
import { createServer } from 'node:http';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/** Of a worker process, in bytes. */
export interface Memory {
  rss: number;
  /** Of all threads together. */
  heap: number;
  threads: number;
}

/** What goes between the threads: a new one says so, the main one asks, and the others answer. */
type Word = { is: 'here' } | { is: 'question' } | { is: 'answer'; heap: number };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const channel = new BroadcastChannel('bench-probe') as BroadcastChannel & { unref(): void };
channel.unref(); // keeps no thread alive
const tell = (word: Word): void => channel.postMessage(word);
const hear = (heard: (word: Word) => void): void =>
  void (channel.onmessage = (event) => heard((event as { data: Word }).data));

function heapOfThisThread(): number {
  collect();
  collect(); // what finalizers have let go
  return getHeapStatistics().used_heap_size;
}

function serve(): void {
  let others = 0;
  let heaps: number[] = [];
  let complete: () => void = () => undefined;
  hear((word) => {
    if (word.is === 'here') others++;
    if (word.is !== 'answer') return;
    heaps.push(word.heap);
    if (heaps.length > others) complete();
  });
  const server = createServer(async (_request, response) => {
    heaps = [heapOfThisThread()];
    const all = new Promise<void>((done) => (complete = done));
    tell({ is: 'question' });
    if (others > 0) await all;
    const heap = heaps.reduce((sum, bytes) => sum + bytes, 0);
    const memory: Memory = { rss: process.memoryUsage.rss(), heap, threads: heaps.length };
    response.end(JSON.stringify(memory));
  });
  server.listen(Number(process.env.BENCH_PROBE_PORT), '127.0.0.1').unref();
}

if (isMainThread) {
  serve();
} else {
  hear((word) => {
    if (word.is === 'question') tell({ is: 'answer', heap: heapOfThisThread() });
  });
  tell({ is: 'here' });
}
