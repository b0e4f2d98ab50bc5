import { textOf } from '../../../service/streams/event-stream';

test.each([
  [{ event: 'view', id: 'run.3', data: '{"a":1}' } as const, 'event: view\nid: run.3\ndata: {"a":1}\n\n'],
  [{ event: 'final', data: '{}' } as const, 'event: final\ndata: {}\n\n'],
  [{ comment: 'nothing new' }, ': nothing new\n\n'],
  [{ retry: 1500 }, 'retry: 1500\n\n'],
])('the text of the event %j has a line for each field, and ends with an empty line', (event, text) => {
  expect(textOf(event)).toBe(text);
});

test('a line break in a value of an event does not add a field to the text of the event', () => {
  const text = textOf({ event: 'view', id: '1\n\ndata: x\0', data: 'a\r\nid: b\rc\n', comment: 'd\nevent: final' });

  expect(text).toBe(
    ': d\n: event: final\nevent: view\nid: 1\nid: \nid: data: x\ndata: a\ndata: id: b\ndata: c\ndata: \n\n',
  );
});
