/** Addresses in requests. The service parses an address once, and uses only the normalized text of the URL parser. */
import { allowedAddresses } from '../../../service/origins';

const config = {
  publicUrl: 'https://connect.acme.example/base',
  allowedOrigins: ['https://app.acme.example', 'https://xn--mller-kva.example', 'http://localhost:1'],
};
const returnToOf = (returnTo: string) => allowedAddresses(config, { returnTo }).returnTo;

test.each([
  ['https://app.acme.example', 'https://app.acme.example/'],
  ['HTTPS://APP.acme.EXAMPLE:443/Done?a=B#C', 'https://app.acme.example/Done?a=B#C'],
  ['http://localhost:1\\@evil.example/', 'http://localhost:1/@evil.example/'],
  ['https:\\\\app.acme.example\\..\\done', 'https://app.acme.example/done'],
  ['https://app.acme.example/a\tb\r\nc', 'https://app.acme.example/abc'],
  ['ht\ntps://app.acme\t.example/', 'https://app.acme.example/'],
  [' https://app.acme.example/ ', 'https://app.acme.example/'],
  ['https://müller.example/größe', 'https://xn--mller-kva.example/gr%C3%B6%C3%9Fe'],
  ['https://ａｐｐ.acme.example/', 'https://app.acme.example/'],
  ['https://connect.acme.example/docs', 'https://connect.acme.example/docs'],
])('the return address %j is normalized to %j', (given, written) => {
  expect(returnToOf(given)).toBe(written);
});

test.each([
  ['https://evil.example/'],
  ['https://app.acme.example.evil.example/'],
  ['https://app.acme.example:444/'],
  ['http://localhost:2/'],
  ['https://evil.example\\@app.acme.example/'],
  ['https://evil.example\t/@app.acme.example'],
  ['https://app.acme.example。evil.example/'],
  ['https://muller.example/'],
])('the return address %j is refused as originNotAllowed', (returnTo) => {
  expect(() => returnToOf(returnTo)).toThrow(
    expect.objectContaining({
      code: 'originNotAllowed',
      details: { fields: [{ name: 'returnTo', code: 'originNotAllowed' }] },
    }),
  );
});

test.each([
  ['https://user@app.acme.example/'],
  ['https://user:secret@app.acme.example/'],
  ['https://app.acme.example@evil.example/'],
  ['http://localhost:1@evil.example/'],
  ['javascript:alert(1)'],
  ['http://app.acme.example/'],
  ['//app.acme.example/'],
  ['no url'],
  [''],
  [`https://app.acme.example/${'ü'.repeat(400)}`],
])('the return address %j is refused as malformed', (returnTo) => {
  expect(() => returnToOf(returnTo)).toThrow(
    expect.objectContaining({ code: 'malformed', details: { fields: [{ name: 'returnTo', code: 'malformed' }] } }),
  );
});

test.each([
  ['HTTPS://App.acme.example', 'https://app.acme.example'],
  ['https://app.acme.example/', 'https://app.acme.example'],
  ['https://müller.example', 'https://xn--mller-kva.example'],
])('the origin %j is normalized to %j', (given, written) => {
  expect(allowedAddresses(config, { origin: given })).toEqual({ origin: written });
});

test.each([
  ['https://evil.example', 'originNotAllowed'],
  ['http://app.acme.example', 'originNotAllowed'],
  ['https://app.acme.example/path', 'malformed'],
  ['https://app.acme.example\\@evil.example', 'malformed'],
  ['https://user@app.acme.example', 'malformed'],
  ['null', 'malformed'],
])('the origin %j is refused as %s', (origin, code) => {
  expect(() => allowedAddresses(config, { origin })).toThrow(
    expect.objectContaining({ code, details: { fields: [{ name: 'origin', code }] } }),
  );
});

test('allowedAddresses returns no address if the request has no address', () => {
  expect(allowedAddresses(config, {})).toEqual({});
});
