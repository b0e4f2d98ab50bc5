/** The code of a backend and a page without any package of Temporal. CI compiles this file without `skipLibCheck`. */
import type { CyclrConnect } from 'cyclr-connect/element';
import { OnboardingError, OnboardingService, type StateName, type View } from 'cyclr-connect/http';

const service = new OnboardingService({ url: 'https://connect.acme.example', apiKey: 'k' });

export const stateOf = async (): Promise<StateName> => {
  const view: View = await service.view({ accountId: 'acme', connectorId: 1002 });
  return view.state;
};
export const isBusy = (err: unknown): boolean => err instanceof OnboardingError && err.code === 'rateLimited';
export const close = (element: CyclrConnect): void => element.remove();
