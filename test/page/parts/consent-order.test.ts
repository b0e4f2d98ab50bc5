/** How several pages agree that only one consent is open at a time. */
import { noticeIn, replacedBy, type ConsentNotice } from '../../../page/consent-order';

const opening: ConsentNotice = { type: 'opening', from: 'newer', connectorId: 2, name: 'Chirper' };

test('a newer consent replaces the consents of other connectors on its own page, and all consents on another page', () => {
  expect(replacedBy(opening, 'newer', [1, 2])).toEqual([1]);
  expect(replacedBy(opening, 'older', [1, 2])).toEqual([1, 2]);
});

test('noticeIn returns a valid notice, and undefined for a message of another shape', () => {
  expect(noticeIn(opening)).toEqual(opening);
  expect(noticeIn({ type: 'retry', connectorId: 2 })).toEqual({ type: 'retry', connectorId: 2 });
  const others = [undefined, 'opening', {}, { ...opening, name: 3 }, { ...opening, type: 'other' }, { type: 'retry' }];
  expect(others.map(noticeIn)).toEqual(others.map(() => undefined));
});
