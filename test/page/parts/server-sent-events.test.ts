/** What a stream of server-sent events says, however it is cut. */
import fc from 'fast-check';
import { EventParser } from '../../../page/server-sent-events';
import { textOf, type ServerSentEvent } from '../../../service/streams/event-stream';

const read = (...chunks: string[]) => {
  const parser = new EventParser();
  return { events: chunks.flatMap((chunk) => parser.push(chunk)), parser };
};

test('events have a name, data of several lines, and an id that is kept', () => {
  const { events, parser } = read('event: view\nid: run.7\ndata: {"a":\ndata: 1}\n\n', 'data: x\n\n');

  expect(events).toEqual([
    { event: 'view', data: '{"a":\n1}' },
    { event: 'message', data: 'x' },
  ]);
  expect(parser.lastEventId).toBe('run.7');
});

test('comments, unknown fields and events without data are none', () => {
  expect(read(': nothing new\n\nsomething: else\nevent: view\n\n').events).toEqual([]);
});

test('the id counts with the whole event, not before', () => {
  const { parser } = read('id: run.1\ndata: a\n\nid: run.2\ndata: b\n');

  expect(parser.lastEventId).toBe('run.1');
});

test('when to come again is a number, or nothing', () => {
  expect(read('retry: 750\n\n').parser.retryMs).toBe(750);
  expect(read('retry: soon\n\n').parser.retryMs).toBeUndefined();
});

test('lines end as any system ends them, also where a chunk does', () => {
  for (const end of ['\n', '\r', '\r\n']) {
    const text = ['event: view', 'data: a', 'data: b', '', ''].join(end);
    const whole = read(text, '\n').events;
    const cut = read(...text, '\n').events;

    expect(whole).toEqual([{ event: 'view', data: 'a\nb' }]);
    expect(cut).toEqual(whole);
  }
});

test('what our service writes is read again, cut anywhere', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n\0]/g, ' '));
  const sent = fc.record({ event: fc.constantFrom('view', 'final'), id: line, data: line });
  const cuts = fc.array(fc.nat(40), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 5 }), cuts, (events, lengths) => {
      const text = events.map((event) => textOf(event as ServerSentEvent)).join('');
      const chunks = lengths.map((length, i) => {
        const from = lengths.slice(0, i).reduce((sum, n) => sum + n, 0);
        return text.slice(from, from + length);
      });
      const rest = text.slice(lengths.reduce((sum, n) => sum + n, 0));

      expect(read(...chunks, rest).events).toEqual(events.map(({ event, data }) => ({ event, data })));
    }),
  );
});
