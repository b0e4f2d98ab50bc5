/**
 * Serves the memory of the process after a garbage collection, CPU profiles and heap snapshots, by HTTP at port
 * `BENCH_PROBE_PORT`. `node --require` loads this file into every thread of the process, because each thread can
 * measure only itself.
 */
import { createServer } from 'node:http';
import { Session, type Profiler } from 'node:inspector';
import { join } from 'node:path';
import { getHeapStatistics, setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

/** The memory of a process, in bytes. */
export interface Memory {
  rss: number;
  /** The used heap of all threads together. */
  heap: number;
  threads: number;
}

/**
 * The name of a request that the main thread sends to all threads. An HTTP request to the probe has this name as its
 * path.
 */
type Request = 'heap' | 'startProfile' | 'stopProfile' | 'heapSnapshot';

/**
 * The messages between threads. A new thread registers, the main thread sends a request, and each other thread
 * responds.
 */
type Message = { type: 'registered' } | { type: 'request'; request: Request } | { type: 'response'; value: unknown };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const channel = new BroadcastChannel('bench-probe') as BroadcastChannel & { unref(): void };
channel.unref(); // the channel must not keep a thread alive
const send = (message: Message): void => channel.postMessage(message);
const onMessage = (handle: (message: Message) => void): void =>
  void (channel.onmessage = (event) => handle((event as { data: Message }).data));
const session = new Session();

/** For each request, the function that this thread calls. The result of the function is the response of the thread. */
const answers: Record<Request, () => unknown> = {
  heap() {
    collect();
    collect(); // frees the objects that finalizers released
    return getHeapStatistics().used_heap_size;
  },
  startProfile() {
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: 200 });
    session.post('Profiler.start');
  },
  stopProfile() {
    let stopped: Profiler.Profile | undefined;
    session.post('Profiler.stop', (_error, { profile }) => (stopped = profile));
    session.disconnect();
    return stopped;
  },
  heapSnapshot() {
    return writeHeapSnapshot(join(process.env.BENCH_PROBE_FOLDER!, `${process.pid}-${threadId}.heapsnapshot`));
  },
};

function serve(): void {
  let others = 0;
  let values: unknown[] = [];
  let complete: () => void = () => undefined;
  onMessage((message) => {
    if (message.type === 'registered') others++;
    if (message.type !== 'response') return;
    values.push(message.value);
    if (values.length > others) complete();
  });
  const server = createServer(async ({ url = '' }, response) => {
    const request = url.slice(1) as Request;
    values = [answers[request]()];
    const all = new Promise<void>((done) => (complete = done));
    send({ type: 'request', request });
    if (others > 0) await all;
    response.end(JSON.stringify(request === 'heap' ? memoryOf(values as number[]) : values));
  });
  server.listen(Number(process.env.BENCH_PROBE_PORT), '127.0.0.1').unref();
}

const memoryOf = (heaps: number[]): Memory => ({
  rss: process.memoryUsage.rss(),
  heap: heaps.reduce((sum, bytes) => sum + bytes, 0),
  threads: heaps.length,
});

if (isMainThread) {
  serve();
} else {
  onMessage((message) => {
    if (message.type === 'request') send({ type: 'response', value: answers[message.request]() });
  });
  send({ type: 'registered' });
}
