import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

export interface HttpRequest {
  readonly host: string;
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Waits this long for a service at the other end of a virtual cable. */
const TIMEOUT_SECONDS = '3';

/** Asks by HTTP/1.0, which has no pieces to put together, through busybox's nc. Undefined without an answer. */
export function httpRequest(system: System, request: HttpRequest): HttpAnswer | undefined {
  const { host, method, path, headers } = request;
  const lines = Object.entries({ Host: host, 'Content-Length': '0', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const text = [`${method} ${path} HTTP/1.0`, ...lines, '', ''].join('\\r\\n');
  const { output } = system.processes.capture(
    [
      ...[
        paths.busybox,
        'sh',
        '-c',
        `printf %b "$1" | ${paths.busybox} nc -w ${TIMEOUT_SECONDS} "$2" 80`,
        'sh',
      ],
      ...[text, host],
    ],
    { stderr: 'null' },
  );
  const head = /^HTTP\/1\.\d (\d{3})[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n/.exec(output);
  return head === null ? undefined : { status: Number(head[1]), body: output.slice(head[0].length) };
}
