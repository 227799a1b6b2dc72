import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { CONFIG_FOLDER, receiveFile } from './received.ts';

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

/** Where an answer is while it is looked at. */
const ANSWER = `${CONFIG_FOLDER}/.answer`;
/** Waits this long for a service at the other end of a virtual cable. */
const TIMEOUT_SECONDS = '3';

/** Asks by HTTP/1.0, which has no pieces to put together, through busybox's nc. Undefined without an answer. */
export function httpRequest(system: System, request: HttpRequest): HttpAnswer | undefined {
  return parseAnswer(system.processes.capture(netcat(request), { stderr: 'null' }).output);
}

/** Asks in the same way, and keeps the body of a 200 as this machine's user data, byte by byte. */
export function receiveAnswer(system: System, request: HttpRequest): void {
  const { files, processes } = system;
  files.makeFolder(CONFIG_FOLDER);
  files.write(ANSWER, '', { mode: 0o600 });
  processes.run(netcat(request), { stdout: { appendTo: ANSWER }, stderr: 'null' });
  const answer = files.read(ANSWER) ?? '';
  const { status, body } = parseAnswer(answer) ?? { status: 0, body: '' };
  // A head is ASCII (RFC 9110 §5.5), so its characters are bytes.
  if (status === 200) receiveFile(system, ANSWER, answer.length - body.length);
  files.remove(ANSWER);
}

function netcat({ host, method, path, headers }: HttpRequest): readonly string[] {
  const lines = Object.entries({ Host: host, 'Content-Length': '0', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const text = [`${method} ${path} HTTP/1.0`, ...lines, '', ''].join('\\r\\n');
  const script = `printf %b "$1" | ${paths.busybox} nc -w ${TIMEOUT_SECONDS} "$2" 80`;
  return [paths.busybox, 'sh', '-c', script, 'sh', text, host];
}

function parseAnswer(answer: string): HttpAnswer | undefined {
  const head = /^HTTP\/1\.\d (\d{3})[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n/.exec(answer);
  return head === null ? undefined : { status: Number(head[1]), body: answer.slice(head[0].length) };
}
