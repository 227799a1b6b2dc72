import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { connectDaemon } from './daemon/daemon-client.ts';
import { daemonPaths, type EngineHome, knownInstance } from './instance/instance-paths.ts';
import { loadSettings } from './settings/load-settings.ts';

/** One text of a bundle for who looks into a problem. */
export interface DiagnosticText {
  readonly name: string;
  readonly text: string;
}

/** Logs are cut to their end. */
const MAX_LOG_CHARS = 1_000_000;

/**
 * What tells how an engine is: status, settings, logs. Keys, certificates and passwords are not in it: files that hold
 * keys are never read, and what looks like a secret in the others is taken out.
 *
 * @throws OrlopError `engine.unknown`, `engine.bad-name`
 */
export async function collectDiagnostics(home: EngineHome, engine: string): Promise<DiagnosticText[]> {
  const paths = knownInstance(home, engine);
  const daemon = daemonPaths(home);
  const sources: readonly (readonly [string, () => Promise<string>])[] = [
    ['status.json', async () => json(await connectDaemon(daemon.socket).status())],
    ['settings.json', async () => json((await loadSettings(paths)).list())],
    ['config-user.yml', () => readFile(paths.userSettings, 'utf8')],
    ['config-engine.yml', () => readFile(paths.instanceSettings, 'utf8')],
    ['daemon.log', () => readFile(daemon.log, 'utf8')],
    ['machine-console.log', () => readFile(join(paths.machine, 'console.log'), 'utf8')],
    ['machine-driver.log', () => readFile(join(paths.machine, 'driver.log'), 'utf8')],
    ['machine-state.json', () => readFile(join(paths.machine, 'state.json'), 'utf8')],
    ['machine-spec.json', () => readFile(join(paths.machine, 'spec.json'), 'utf8')],
    ['host-memory.txt', () => readFile('/proc/meminfo', 'utf8')],
    ['host-kernel.txt', () => readFile('/proc/version', 'utf8')],
    ['host-load.txt', () => readFile('/proc/loadavg', 'utf8')],
  ];
  return Promise.all(
    sources.map(async ([name, read]) => {
      try {
        // In this order: a key that is cut in two is not known for one.
        return { name, text: withoutSecrets(await read()).slice(-MAX_LOG_CHARS) };
      } catch (error) {
        const why = error instanceof OrlopError ? `${error.code}: ${error.message}` : String(error);
        return { name, text: `not at hand: ${why}\n` };
      }
    }),
  );
}

/*
 * Every repetition has a bound: the logs hold what strangers wrote, and a long word that looks like the beginning of a secret
 * at each of its letters would otherwise be read to its end from each of them.
 */
/** A quoted value with its quotes, or what there is up to the next blank. */
const VALUE = String.raw`"(?:\\.|[^"\\])*"|'[^']*'|[^\s,}]+`;
const AROUND = String.raw`[\w.-]{0,64}`;
const SECRET_KEY = `${AROUND}(?:pass(?:word|wd|phrase)|secret|token|credential|cookie|signature|(?:api|access|private)[_-]?key)${AROUND}`;
/** Of Docker's configuration (`"auth": "…"`) and its header X-Registry-Auth; authorities and authors are none. */
const AUTH_KEY = String.raw`(?:[\w.-]{0,64}[_.-])?auth`;
const SECRETS = new RegExp(
  `("?\\b(?:${SECRET_KEY}|${AUTH_KEY})\\b"?\\s{0,64}[:=]\\s{0,64})(?:${VALUE})`,
  'gi',
);
const AUTHORIZATION = /(authorization"?\s{0,64}[:=]\s{0,64})(?:"(?:\\.|[^"\\])*"|[^\r\n]+)/gi;
const KEY =
  /-----BEGIN ([A-Z ]{0,32})PRIVATE KEY-----(?:[\s\S]{0,10000}?-----END \1PRIVATE KEY-----|[A-Za-z0-9+/=\s\\]*)/g;

/** Takes out private keys, passwords in URLs, authorizations, and values of keys that are named like secrets. */
export function withoutSecrets(text: string): string {
  return text
    .replace(KEY, '(private key)')
    .replace(/[^\s"']+/g, withoutUser)
    .replace(AUTHORIZATION, '$1(secret)')
    .replace(SECRETS, '$1(secret)');
}

/** Of a URL in a word; what stands before its host may hold any character. */
function withoutUser(word: string): string {
  const start = word.indexOf('://') + '://'.length;
  const end = word.lastIndexOf('@');
  return start >= '://'.length && end > start ? `${word.slice(0, start)}(secret)${word.slice(end)}` : word;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
