/**
 * Reports a process's memory after a garbage collection, by HTTP at port `BENCH_PROBE_PORT`. `node --require` loads
 * this file into every thread of the process, because each thread can collect and measure only its own heap.
 */
import { createServer } from 'node:http';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/** The memory of a process, in bytes. */
export interface Memory {
  rss: number;
  /** The used heap of all threads together. */
  heap: number;
  threads: number;
}

/**
 * The messages between threads. A new thread registers, the main thread requests the heap size, and each other thread
 * responds.
 */
type Message = { type: 'registered' } | { type: 'request' } | { type: 'response'; heap: number };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const channel = new BroadcastChannel('bench-probe') as BroadcastChannel & { unref(): void };
channel.unref(); // the channel must not keep a thread alive
const send = (message: Message): void => channel.postMessage(message);
const onMessage = (handle: (message: Message) => void): void =>
  void (channel.onmessage = (event) => handle((event as { data: Message }).data));

function heapOfThisThread(): number {
  collect();
  collect(); // frees the objects that finalizers released
  return getHeapStatistics().used_heap_size;
}

function serve(): void {
  let others = 0;
  let heaps: number[] = [];
  let complete: () => void = () => undefined;
  onMessage((message) => {
    if (message.type === 'registered') others++;
    if (message.type !== 'response') return;
    heaps.push(message.heap);
    if (heaps.length > others) complete();
  });
  const server = createServer(async (_request, response) => {
    heaps = [heapOfThisThread()];
    const all = new Promise<void>((done) => (complete = done));
    send({ type: 'request' });
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
  onMessage(({ type }) => {
    if (type === 'request') send({ type: 'response', heap: heapOfThisThread() });
  });
  send({ type: 'registered' });
}
