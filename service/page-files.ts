/** What the build has made of `page/`: served as it is, to anybody. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './parts';

/** Beside the compiled service; tests run the service from its source. */
const folders = [join(__dirname, '..', 'page'), join(__dirname, '..', 'dist', 'page')];
export const webFolder = (): string => folders.find((folder) => existsSync(join(folder, 'page.js'))) ?? folders[0]!;

const types: { [extension: string]: string } = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/**
 * Serves one of the files at `/{name}`, with what stands `before` it. A page of any site may load it; whether it has
 * changed is asked each time.
 */
export function serveWebFile(app: App, name: string, before = ''): void {
  const content = Buffer.from(before + readFileSync(join(webFolder(), name), 'utf8'));
  const compressed = gzipSync(content, { level: 9 });
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  app.get(`/${name}`, { schema: { hide: true } }, (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers({
      'Cache-Control': 'no-cache',
      ETag: etag,
      Vary: 'Accept-Encoding',
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    reply.type(types[extname(name)]!);
    const isCompressed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    return isCompressed ? reply.header('Content-Encoding', 'gzip').send(compressed) : reply.send(content);
  });
}
