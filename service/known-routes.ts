/** Which methods a path has, so that a wrong one is told from a path that is not there. */
import type { App } from './parts';

/** Collects the routes that are added from now on. The methods of a path: none where there is no such path. */
export function knownRoutes(app: App): (path: string) => string[] {
  const known: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.endsWith('*')) return; // preflights
    const pattern = new RegExp(`^${url.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`);
    known.push({ pattern, methods: [method].flat() });
  });
  return (path) => known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
}
