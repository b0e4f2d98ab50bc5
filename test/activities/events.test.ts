/** The activity postEvent: the signature of a post, and the result of a post for each answer of a receiver. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Webhook } from 'standardwebhooks';
import { createEventActivities } from '../../activities';
import { factsOf, targetsOf } from '../../activities/events/targets';
import type { EventBody } from '../../workflows/events';
import { eventually } from '../support/eventually';
import { createSecret, startReceiver, status, type Answer, type Receiver } from '../support/receiver';

const body = { type: 'connector.waiting', timestamp: '2026-01-31T12:00:00.000Z', data: { id: 'run.1' } } as EventBody;

/** Posts an event to a receiver that gives `answer`. Resolves with the receiver and with the failure of postEvent. */
async function post(answer: Answer, attempt = 1) {
  const receiver = await startReceiver();
  receiver.answers(answer);
  const { postEvent } = createEventActivities({ targets: { crm: { url: receiver.url, secrets: [receiver.secret] } } });
  const environment = new MockActivityEnvironment({ attempt });
  const failure = await environment.run(postEvent, { target: 'crm', body }).then(
    () => undefined,
    (err: unknown) => err as ApplicationFailure,
  );
  await receiver.close();
  return { failure, receiver };
}

/** Posts an event once to the target `crm`. Resolves with the failure of postEvent. */
const postTo = ({ url, secret }: Receiver) => {
  const { postEvent } = createEventActivities({ targets: { crm: { url, secrets: [secret] } } });
  return new MockActivityEnvironment().run(postEvent, { target: 'crm', body }).then(
    () => undefined,
    (err: unknown) => err as ApplicationFailure,
  );
};

test('a post of an event has an id and one signature for each secret, and a repeated post has the same body', async () => {
  const receiver = await startReceiver();
  const [old, fresh] = [createSecret(), receiver.secret];
  const { postEvent } = createEventActivities({ targets: { crm: { url: receiver.url, secrets: [old, fresh] } } });

  for (const attempt of [1, 2]) await new MockActivityEnvironment({ attempt }).run(postEvent, { target: 'crm', body });
  await receiver.close();

  const [first, second] = receiver.received;
  expect(first).toMatchObject({ event: body, headers: { 'webhook-id': 'run.1', 'content-type': 'application/json' } });
  expect(first!.headers).toMatchObject({ 'user-agent': 'cyclr-connect', 'webhook-timestamp': expect.stringMatching(/^\d{10}$/) }); // prettier-ignore
  expect(second!.text).toBe(first!.text);
  expect(new Webhook(old).verify(first!.text, first!.headers)).toEqual(body);
  expect(first!.headers['webhook-signature']!.split(' ')).toHaveLength(2);
});

test.each<[string, Answer, object | undefined]>([
  ['200, postEvent succeeds', status(200), undefined],
  ['299, postEvent succeeds', status(299), undefined],
  ['300, postEvent fails with NotTaken', status(300), { type: 'NotTaken', nextRetryDelay: undefined }],
  [
    '500, postEvent fails with NotTaken and is retried',
    status(500),
    { type: 'NotTaken', message: 'Target "crm" answered 500', nonRetryable: false },
  ],
  [
    '410, postEvent fails with Gone and is not retried',
    status(410),
    { type: 'Gone', message: 'Target "crm" answered 410', nonRetryable: true },
  ],
  [
    '429 with Retry-After: 120, postEvent is retried after 120 s',
    status(429, { 'Retry-After': '120' }),
    { type: 'NotTaken', nextRetryDelay: 120_000 },
  ],
  [
    '429 with Retry-After: 1, postEvent is retried after 5 s',
    status(429, { 'Retry-After': '1' }),
    { nextRetryDelay: 5_000 },
  ],
  [
    'a reset of the connection, the failure of postEvent names the error code',
    (_, request) => request.socket.resetAndDestroy(),
    { message: 'Target "crm" did not answer (ECONNRESET)' },
  ],
])(
  'the answer of a receiver decides whether postEvent succeeds, fails or is retried: if the receiver answers with %s',
  async (_name, answer, failure) => {
    const ended = await post(answer);

    if (failure) expect(ended.failure).toMatchObject(failure);
    else expect(ended.failure).toBeUndefined();
    expect(JSON.stringify([ended.failure?.message, ended.failure?.details])).not.toMatch(
      /secret-of-the-path|not for the/,
    );
    expect(ended.receiver.received).toHaveLength(1);
  },
);

test.each([
  [3, '1', 20_000],
  [3, '21', 21_000],
  [30, '1', 6 * 3_600_000],
  [3, 'soon', undefined],
])(
  'in the activity attempt %d, if the receiver answers with a Retry-After of %s, the pause before the retry is %p ms',
  async (attempt, retryAfter, nextRetryDelay) => {
    const { failure } = await post(status(503, { 'Retry-After': retryAfter }), attempt);

    expect(failure?.nextRetryDelay).toBe(nextRetryDelay);
  },
);

describe('time limits', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'setImmediate', 'queueMicrotask', 'performance'] })); // prettier-ignore
  afterEach(() => void jest.useRealTimers());

  test('a post ends with NotTaken if the receiver does not answer within 15 s, and leaves no timer', async () => {
    const receiver = await startReceiver();
    const asked = new Promise<void>((done) => receiver.answers(() => done()));
    let failure: ApplicationFailure | undefined;
    const posting = postTo(receiver).then((err) => (failure = err));

    await asked;
    await jest.advanceTimersByTimeAsync(14_999);
    expect(failure).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    await posting;
    await receiver.close();

    expect(failure).toMatchObject({ type: 'NotTaken', message: 'Target "crm" did not answer (timeout)' });
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a post succeeds when the headers of the answer arrive, and closes the connection if the body does not end within 15 s', async () => {
    const receiver = await startReceiver();
    const closed = new Promise<void>((done) =>
      receiver.answers((response) => void response.on('close', done).writeHead(200).write('{')),
    );

    expect(await postTo(receiver)).toBeUndefined();
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(15_000);
    await closed;
    await receiver.close();
  });

  test('a post with a complete answer leaves no timer', async () => {
    const receiver = await startReceiver();

    await postTo(receiver);

    // Waits until postEvent has the answer.
    while (jest.getTimerCount() > 0) await new Promise((done) => setImmediate(done));
    await receiver.close();
  });
});

test('an answer of 4 KiB keeps the connection open for the next post, and a longer answer closes the connection', async () => {
  const receiver = await startReceiver();
  const used: Socket[] = [];
  const answerOf = (bytes: number) =>
    receiver.answers((response, { socket }) => {
      used.push(socket);
      response.end(Buffer.alloc(bytes, ' '));
    });
  const posts = async () => {
    await postTo(receiver);
    return used;
  };

  answerOf(4_096);
  await eventually(posts, (sockets) => new Set(sockets).size < sockets.length);
  answerOf(4_097);
  used.length = 0;
  for (let n = 0; n < 10; n++) await posts();
  await receiver.close();

  expect(new Set(used).size).toBe(10);
});

test('postEvent does not follow a redirect of a receiver', async () => {
  let followed = 0;
  const other = createServer((_, response) => void response.end(String(followed++)));
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;

  const { failure } = await post(status(307, { location }));

  other.close();
  expect(failure).toMatchObject({ message: 'Target "crm" answered 307' });
  expect(followed).toBe(0);
});

test('postEvent does not read an answer of 1 GB: it closes the connection and uses only the status', async () => {
  const receiver = await startReceiver();
  let written = 0;
  const closed = new Promise<void>((done) =>
    receiver.answers((response) => {
      response.on('close', done).writeHead(200);
      const block = Buffer.alloc(1024 * 1024);
      const write = () => {
        while (written < 1024 && !response.destroyed) {
          written++;
          if (!response.write(block)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    }),
  );

  expect(await postTo(receiver)).toBeUndefined();
  await closed;
  await receiver.close();

  expect(written).toBeLessThan(64);
});

test('a post to an unknown target is retried, because another worker can know the target', async () => {
  const { postEvent } = createEventActivities({});

  const posting = new MockActivityEnvironment().run(postEvent, { target: 'crm', body });

  await expect(posting).rejects.toMatchObject({ type: 'UnknownTarget', nonRetryable: false });
});

test('the targets of an event are the default target and the named targets that get events of this type', () => {
  const one = { url: 'https://a.example', secrets: [createSecret()] };
  const targets = { default: one, crm: { ...one, types: ['connector.failed' as const] } };

  expect(targetsOf(targets, 'connector.failed', ['crm', 'crm', 'constructor'])).toEqual(['default', 'crm']);
  expect(targetsOf(targets, 'connector.waiting', ['crm'])).toEqual(['default']);
  expect(factsOf({ default: one }, 'connection')).toEqual({
    events: { types: ['connection.broken', 'connection.restored', 'connection.gone'] },
  });
  expect(factsOf({ crm: targets.crm }, 'connector')).toEqual({});
  expect(factsOf({ crm: targets.crm }, 'connector', ['crm'])).toStrictEqual({ events: { types: ['connector.failed'] } }); // prettier-ignore
  expect(factsOf({ crm: targets.crm }, 'connector', ['crm', 'gone'])).toEqual({
    events: { types: ['connector.failed'], unknownTargets: ['gone'] },
  });
});
