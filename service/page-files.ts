/**
 * The scripts and the style sheet that the build makes from `page/`. The service does not use @fastify/static, for
 * three reasons:
 *
 * - @fastify/static makes the ETag from the time of the file, which differs between instances.
 * - @fastify/static does not compress the files.
 * - @fastify/static can't add the style of the brand to a file.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './parts';

/**
 * The folder with the files is next to the compiled service. In tests, the service runs from its source, and the folder
 * is in dist/.
 */
const folders = [join(__dirname, '..', 'page'), join(__dirname, '..', 'dist', 'page')];
const folder = (): string => folders.find((candidate) => existsSync(join(candidate, 'page.js'))) ?? folders[0]!;

const types: { [extension: string]: string } = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};

/**
 * Serves one file at `/{name}`, with `prefix` before its content. Pages of every origin may load the file. Before each
 * use of the file, browsers ask the service whether the file has changed.
 */
export function servePageFile(app: App, name: string, prefix = ''): void {
  const content = Buffer.from(prefix + readFileSync(join(folder(), name), 'utf8'));
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
    const acceptsGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    return acceptsGzip ? reply.header('Content-Encoding', 'gzip').send(compressed) : reply.send(content);
  });
}
