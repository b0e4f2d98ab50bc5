/** Calls the methods of a connector. Cyclr forwards each call to the third party. */
import { z } from 'zod';
import { pathOf, type CyclrClient, type Target } from './client';
import type { HttpResponse } from './http';
import { parsed } from './wire';

const Methods = z.array(z.unknown());
const Method = z.object({ Id: z.number(), MethodUniqueIdentifier: z.string() });

const MAX_KNOWN = 1_000;
/**
 * The cached method ids. The key of the inner map has the id of Cyclr's connector and the identifier of the method.
 * Each release of Cyclr's connector has its own id, so a cached method id is never out of date. The ids are cached,
 * because the list of all methods can have some megabytes.
 */
const knownOf = new WeakMap<CyclrClient, Map<string, number>>();

/**
 * `GET /v1.0/connectors/{id}/methods`: the id of a method by its `MethodUniqueIdentifier`. `definitionId`: the id of
 * Cyclr's connector. `undefined` if the list has no such method. Fails as {@link CyclrClient.call} does.
 */
export async function methodIdOf(
  cyclr: CyclrClient,
  target: Target,
  definitionId: number,
  identifier: string,
): Promise<number | undefined> {
  const known = knownOf.get(cyclr) ?? new Map<string, number>();
  knownOf.set(cyclr, known);
  const key = `${definitionId} ${identifier}`;
  if (!known.has(key)) {
    const path = `/v1.0/connectors/${definitionId}/methods`;
    const { status, text } = await cyclr.call(target, { method: 'GET', path });
    const methods = parsed(Methods, `GET ${path}`, status, text).flatMap((item) => Method.safeParse(item).data ?? []);
    if (known.size >= MAX_KNOWN) known.clear();
    const found = methods.find(({ MethodUniqueIdentifier: given }) => given.toLowerCase() === identifier.toLowerCase());
    if (found) known.set(key, found.Id);
  }
  return known.get(key);
}

/**
 * `POST /v1.0/account/connectors/{id}/test/{methodId}`: the answer as Cyclr returns it, also if its status is no
 * success. Cyclr answers 403 unless its support has approved the IP address of the caller.
 */
export const testMethod = (cyclr: CyclrClient, target: Target, methodId: string | number): Promise<HttpResponse> =>
  cyclr.send(target, { method: 'POST', path: `${pathOf(target)}/test/${encodeURIComponent(methodId)}`, body: {} });

/** `POST /v1.0/account/connectors/{id}/methods/{identifier}`: the answer of the third party. See {@link testMethod}. */
export const callMethod = (cyclr: CyclrClient, target: Target, identifier: string): Promise<HttpResponse> =>
  cyclr.send(target, { method: 'POST', path: `${pathOf(target)}/methods/${encodeURIComponent(identifier)}`, body: {} });
