export async function fetchOrders(accountId: string): Promise<string[]> {
  return [`order 1 of ${accountId}`, `order 2 of ${accountId}`];
}
