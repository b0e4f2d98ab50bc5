/** The data of an invitation that the page shows before the user accepts it. */
import { Tokens } from '../../../service/tokens';
import { sessionKeysOf } from '../../../service/keys';
import { newSessionKeys } from '../../../scripts/local/settings';
import { invitationOf } from '../../../page/invitation';

const tokens = new Tokens({
  keys: sessionKeysOf(JSON.stringify(newSessionKeys())),
  publicUrl: 'https://connect.example',
});
const tokenOf = async (scope: object): Promise<string> =>
  (await tokens.mint('invitation', { accountId: 'acme', connectorIds: [1, 2, 3], language: 'en', ...scope })).token;

test('an invitation names its account and the number of its connectors', async () => {
  expect(invitationOf(await tokenOf({ accountLabel: 'Müller & Söhne 株式会社' }))).toEqual({
    account: 'Müller & Söhne 株式会社',
    count: 3,
  });
  expect(invitationOf(await tokenOf({}))).toMatchObject({ account: 'acme' });
});

test('the page does not accept a token with a forbidden account name, so it does not show the name', async () => {
  const label = 'Your account is locked. '.repeat(20);

  expect(invitationOf(await tokenOf({ accountLabel: label }))).toBeUndefined();
  expect(invitationOf(await tokenOf({ accountId: label }))).toBeUndefined();
});

test('invitationOf returns undefined for a text that is not a whole token', async () => {
  const token = await tokenOf({});
  const [header = '', claims = '', signature = ''] = token.split('.');

  const others = [
    '',
    'x',
    header,
    `${header}.${claims}`,
    `${header}.${claims.slice(0, -9)}.${signature}`,
    'a.b.c',
    'e30.bnVsbA.x',
  ];
  expect(others.map(invitationOf)).toEqual(others.map(() => undefined));
});
