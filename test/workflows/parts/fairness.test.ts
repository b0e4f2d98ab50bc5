import fc from '../../support/fast-check';
import { isAccountId } from '../../../workflows/connector';
import { deliveryStart } from '../../../workflows/deliver-event/start';
import { fairnessOf } from '../../../workflows/fairness';

const keyOf = (accountId: string) => fairnessOf(accountId).fairnessKey;

test('the fairness key of an account id has 1 to 64 bytes, and is the whole encoded id if it fits', () => {
  const latin = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 200 }); // prettier-ignore
  fc.assert(
    fc.property(latin.filter(isAccountId), (accountId) => {
      const [key, encoded] = [keyOf(accountId), encodeURIComponent(accountId)];
      expect(encoded.endsWith(key)).toBe(true);
      expect(Buffer.byteLength(key)).toBe(Math.min(encoded.length, 64));
    }),
  );
});

test('two long account ids with the same beginning have different fairness keys', () => {
  expect(keyOf(`${'x'.repeat(150)}1`)).not.toBe(keyOf(`${'x'.repeat(150)}2`));
});

test('a delivery has the fairness key of its account, and has no fairness key if the account id is malformed', () => {
  const of = (accountId: string) => {
    const data = { id: 'run.1', accountId, workflowId: 'w', runId: 'run' } as never;
    return deliveryStart({ body: { type: 'connector.failed', timestamp: '', data }, targets: [] });
  };

  expect(of('acme')).toMatchObject({ priority: { fairnessKey: 'acme' } });
  expect(of('')).not.toHaveProperty('priority');
});
