import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import type { ServeAddress } from './serve.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.yml': 'text/plain; charset=utf-8',
  '.ipxe': 'text/plain; charset=utf-8',
  '.json': 'application/json',
};

/** What a request asks for, as an answer. */
type Found =
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly modified: Date }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'moved'; readonly to: string }
  | { readonly kind: 'none' };

/** Serves until interrupted. @throws OrlopError `serve.no-folder`, `serve.cannot-listen` */
export async function serveFolder(
  { port: address, directory }: { readonly port: ServeAddress; readonly directory: string },
  context: CommandContext,
): Promise<void> {
  const { cwd, stdout, stderr, signal } = context;
  const root = await realFolder(resolve(cwd, directory));
  const server = createServer((request, response) => {
    stderr.write(`${request.method} ${request.url}\n`);
    answer(root, { request, response }).catch((error: Error) => {
      // The reader went away, or the file changed under it: all that is left is to end.
      stderr.write(`${request.url}: ${error.message}\n`);
      response.destroy();
    });
  });
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) =>
      fail(
        cliError('serve.cannot-listen', `cannot listen on ${format(address)}`, {
          cause,
        }),
      ),
    );
    server.listen(address.port, address.host, done);
  });
  const { port } = server.address() as AddressInfo;
  stdout.write(`serving ${root} at http://${format({ host: address.host, port })}/\n`);
  await untilAborted(signal);
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeAllConnections();
  await closed;
}

async function realFolder(directory: string): Promise<string> {
  const root = await realpath(directory).catch((cause) => {
    throw cliError('serve.no-folder', `there is no folder ${directory}`, { cause });
  });
  if ((await stat(root)).isDirectory()) return root;
  throw cliError('serve.no-folder', `${directory} is no folder`, { hint: 'name the folder that it is in' });
}

async function answer(
  root: string,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(response, 405);
  }
  const found = await find(root, request.url ?? '/');
  switch (found.kind) {
    case 'none':
      return send(response, 404);
    case 'moved':
      response.setHeader('Location', found.to);
      return send(response, 301);
    case 'folder':
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(request.method === 'HEAD' ? undefined : await listing(found.path));
      return;
    case 'file':
      return sendFile(found, { request, response });
  }
}

/** Nothing outside the folder is found, not by `..` and not by a symbolic link. */
async function find(root: string, url: string): Promise<Found> {
  // A client may name the server, too (RFC 9112 §3.2.2).
  const [path = '/', query] = url.replace(/^https?:\/\/[^/?]*\/?/i, '/').split('?', 2);
  let wanted: string;
  try {
    wanted = decodeURIComponent(path);
  } catch {
    return { kind: 'none' };
  }
  if (wanted.includes('\0') || wanted.split(/[/\\]/).includes('..')) return { kind: 'none' };
  const real = await realpath(join(root, wanted)).catch(() => undefined);
  if (real === undefined || (real !== root && !real.startsWith(root === sep ? sep : `${root}${sep}`)))
    return { kind: 'none' };
  const stats = await stat(real);
  if (stats.isFile()) return { kind: 'file', path: real, sizeBytes: stats.size, modified: stats.mtime };
  if (!stats.isDirectory()) return { kind: 'none' };
  // A leading double slash would be another host's address.
  if (!path.endsWith('/'))
    return {
      kind: 'moved',
      to: `/${path.replace(/^\/+/, '')}/${query === undefined ? '' : `?${query}`}`,
    };
  const index = await find(real, '/index.html');
  return index.kind === 'file' && index.path.startsWith(root) ? index : { kind: 'folder', path: real };
}

async function sendFile(
  file: Extract<Found, { kind: 'file' }>,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const { path, sizeBytes, modified } = file;
  response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
  response.setHeader('Last-Modified', modified.toUTCString());
  response.setHeader('Accept-Ranges', 'bytes');
  const modifiedMs = Math.floor(modified.getTime() / 1000) * 1000;
  const { range: wanted, 'if-range': unchanged, 'if-modified-since': since = '' } = request.headers;
  if (Date.parse(since) >= modifiedMs) return send(response, 304);
  // Who goes on with a file that has changed since gets it whole (RFC 9110 §13.1.5).
  const isSame = unchanged === undefined || Date.parse(String(unchanged)) === modifiedMs;
  const range = readRange(isSame ? wanted : undefined, sizeBytes);
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${sizeBytes}`);
    return send(response, 416);
  }
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  response.statusCode = range === undefined ? 200 : 206;
  if (range !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${sizeBytes}`);
  response.setHeader('Content-Length', end - start + 1);
  if (request.method === 'HEAD' || sizeBytes === 0) response.end();
  else await pipeline(createReadStream(path, { start, end }), response);
}

/** One range of RFC 9110 §14.1.2; several are answered by the whole, as §14.2 allows. */
function readRange(
  header: string | undefined,
  sizeBytes: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const last = sizeBytes - 1;
  if (match[1] === '') {
    const length = Number(match[2]);
    return length === 0 || sizeBytes === 0
      ? 'unsatisfiable'
      : { start: Math.max(0, sizeBytes - length), end: last };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? last : Math.min(Number(match[2]), last);
  if (start > last) return 'unsatisfiable';
  return end < start ? undefined : { start, end };
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const rows = names.map(
    (name) => `<a href="./${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}">${escapeHtml(name)}</a>\n`,
  );
  return `<!doctype html>\n<meta charset="utf-8">\n<pre>\n${rows.join('')}</pre>\n`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function send(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.end();
}

function format({ host, port }: ServeAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
