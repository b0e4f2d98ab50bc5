/** When the page continues with the token of another session. */
import { sessionKeysOf } from '../../../service/keys';
import { Tokens } from '../../../service/tokens';
import { newSessionKeys } from '../../../scripts/local/settings';
import { haveSameScope } from '../../../page/claims';

const tokens = new Tokens({
  keys: sessionKeysOf(JSON.stringify(newSessionKeys())),
  publicUrl: 'https://connect.example',
});
const tokenOf = async (scope: object = {}): Promise<string> =>
  (await tokens.mint('session', { accountId: 'acme', connectorIds: [1, 2], language: 'en', ...scope })).token;

test('two sessions of the same connectors have the same scope, even if the language or the proposed values differ', async () => {
  const other = await tokenOf({ language: 'de', prefill: { 1: { Region: { value: 'eu' } } } });

  expect(haveSameScope(await tokenOf(), other)).toBe(true);
});

test.each([
  ['account', { accountId: 'other' }],
  ['connectors', { connectorIds: [1] }],
  ['onboarding', { onboardingId: 'spring' }],
  ['person', { by: 'ann' }],
])('two sessions do not have the same scope if this part differs: %s', async (_part, scope) => {
  expect(haveSameScope(await tokenOf(), await tokenOf(scope))).toBe(false);
});

test('haveSameScope is false if one of the texts is not a token', async () => {
  expect(haveSameScope('over', 'over')).toBe(false);
  expect(haveSameScope(await tokenOf(), '')).toBe(false);
});
