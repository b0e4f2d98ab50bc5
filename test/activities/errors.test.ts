import { CyclrError, isOfKind, kindOfStatus, retryAfterMsOf } from '../../activities/cyclr/errors';

test.each<[number, string | undefined, string | undefined]>([
  [199, 'unreadable', 'unreadable'],
  [200, undefined, undefined],
  [299, undefined, undefined],
  [300, 'unreadable', 'unreadable'],
  [399, 'unreadable', 'unreadable'],
  [400, 'unreadable', 'refused'],
  [401, 'unreadable', 'refused'],
  [403, 'forbidden', 'forbidden'],
  [404, 'notFound', 'notFound'],
  [408, 'unreachable', 'unreachable'],
  [422, 'unreadable', 'refused'],
  [429, 'throttled', 'throttled'],
  [499, 'unreadable', 'refused'],
  [500, 'unreachable', 'unreachable'],
  [599, 'unreachable', 'unreachable'],
])('the status %d is the error kind %s after a GET, and %s after a PUT', (status, afterGet, afterPut) => {
  expect([kindOfStatus(status, 'GET'), kindOfStatus(status, 'PUT')]).toEqual([afterGet, afterPut]);
});

test.each<[unknown, boolean]>([
  [new CyclrError('refused', 'PUT /x: 400'), true],
  [new CyclrError('notFound', 'PUT /x: 404'), false],
  [Object.assign(new Error('no'), { kind: 'refused' }), false],
  [undefined, false],
])('isOfKind returns true only for a CyclrError of the given kind: for %s it returns %s', (err, expected) => {
  expect(isOfKind(err, 'refused')).toBe(expected);
});

const now = Date.parse('2030-01-01T00:00:00Z');
test.each<[unknown, number | undefined]>([
  ['1', 1000],
  [' 120 ', 120_000],
  ['999999999', 86_400_000],
  ['Tue, 01 Jan 2030 00:00:30 GMT', 30_000],
  ['Tuesday, 01-Jan-30 00:01:00 GMT', 60_000],
  ['Fri, 01 Feb 2030 00:00:00 GMT', 86_400_000],
  // For 0, a past date or an unreadable text, the result is undefined, so that Temporal's retry policy sets the pause.
  ['0', undefined],
  ['Mon, 31 Dec 2029 23:59:59 GMT', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
  [['1', '2'], undefined],
])('retryAfterMsOf reads the header Retry-After %j as a pause of %s ms', (header, expected) => {
  expect(retryAfterMsOf(header, now)).toBe(expected);
});
