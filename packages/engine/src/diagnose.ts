import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { connectDaemon } from './daemon/daemon-client.ts';
import { daemonPaths, type EngineHome, instancePaths } from './instance/instance-paths.ts';
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
 */
export async function collectDiagnostics(home: EngineHome, engine: string): Promise<DiagnosticText[]> {
  const paths = instancePaths(home, engine);
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
        return { name, text: withoutSecrets((await read()).slice(-MAX_LOG_CHARS)) };
      } catch (error) {
        const why = error instanceof OrlopError ? `${error.code}: ${error.message}` : String(error);
        return { name, text: `not at hand: ${why}\n` };
      }
    }),
  );
}

/** A quoted value with its quotes, or what there is up to the next blank. */
const VALUE = String.raw`"(?:\\.|[^"\\])*"|'[^']*'|[^\s,}]+`;
const SECRET_KEY = String.raw`[\w.-]*(?:pass(?:word|wd|phrase)|secret|token|credential|cookie|signature|api[_-]?key)[\w.-]*`;
/** Of Docker's configuration (`"auth": "…"`) and its header X-Registry-Auth; authorities and authors are none. */
const AUTH_KEY = String.raw`(?:[\w.-]*[_.-])?auth`;
const SECRETS = new RegExp(`("?\\b(?:${SECRET_KEY}|${AUTH_KEY})\\b"?\\s*[:=]\\s*)(?:${VALUE})`, 'gi');
const AUTHORIZATION = /(authorization"?\s*[:=]\s*)(?:"(?:\\.|[^"\\])*"|[^\r\n]+)/gi;

/** Takes out private keys, passwords in URLs, authorizations, and values of keys that are named like secrets. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/g, '(private key)')
    .replace(/(\w+:\/\/)[^\s"']+@/g, '$1(secret)@')
    .replace(AUTHORIZATION, '$1(secret)')
    .replace(SECRETS, '$1(secret)');
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
