import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { OrlopError } from '@orlop/core';
import { isObject, parseObject } from '../documents.ts';
import { ociError } from '../errors.ts';

/** What proves to a registry who asks. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** To be exchanged for a bearer token (OAuth 2 refresh token). */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token as it is. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** Those there may be cannot be had: what is public is, for all that, and `why` tells of the rest. */
  | { readonly kind: 'out-of-reach'; readonly why: Error };

/** Finds the credentials for a registry's host (`host[:port]`); `undefined` means anonymous. */
export type FindCredentials = (host: string, signal?: AbortSignal) => Promise<Credentials | undefined>;

export interface DockerCredentialsOptions {
  /** Docker's `config.json`. A missing file means anonymous. */
  readonly configFile: string;
  /** Where credential helpers are looked for. @default the PATH of this process */
  readonly helperPath?: string;
}

/** The host names that stand for Docker Hub. */
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
/** Docker's own key for it, which helpers are asked for too. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
/** What helpers print for a host they do not know (docker-credential-helpers, credentials.go). */
const HELPER_NOT_FOUND = /credentials not found/i;
const HELPER_TIMEOUT_MS = 30_000;

/** Reads credentials as the Docker client does: `credHelpers`, `credsStore`, `auths`. */
export function dockerCredentials(options: DockerCredentialsOptions): FindCredentials {
  return async (host, signal) => {
    const bytes = await readFile(options.configFile).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
      throw ociError('oci.credentials', `${options.configFile} cannot be read`, { cause });
    });
    // Docker takes an empty file for none.
    if (bytes === undefined || bytes.length === 0) return undefined;
    const config = parseObject(bytes, options.configFile);
    const key = DOCKER_HUB.has(host) ? DOCKER_HUB_KEY : host;
    const helper = ownHelper(config['credHelpers'], host) ?? text(config['credsStore']);
    const helped = helper === undefined ? undefined : await askHelper(helper, { key, options, signal });
    const written = readAuths(config['auths'], { host, file: options.configFile });
    return helped?.kind === 'out-of-reach' ? (written ?? helped) : (helped ?? written);
  };
}

function ownHelper(helpers: unknown, host: string): string | undefined {
  if (!isObject(helpers)) return undefined;
  for (const [key, helper] of Object.entries(helpers)) if (sameHost(key, host)) return text(helper);
  return undefined;
}

function readAuths(auths: unknown, { host, file }: { host: string; file: string }): Credentials | undefined {
  if (!isObject(auths)) return undefined;
  for (const [key, entry] of Object.entries(auths)) {
    if (!sameHost(key, host) || !isObject(entry)) continue;
    const identity = text(entry['identitytoken']);
    if (identity !== undefined) return { kind: 'identity-token', token: identity };
    const bearer = text(entry['registrytoken']);
    if (bearer !== undefined) return { kind: 'bearer', token: bearer };
    const username = text(entry['username']);
    const password = text(entry['password']);
    if (username !== undefined && password !== undefined) return { kind: 'password', username, password };
    const encoded = text(entry['auth']);
    if (encoded === undefined) continue;
    const decoded = Buffer.from(encoded, 'base64').toString();
    const colon = decoded.indexOf(':');
    if (colon < 1)
      throw ociError('oci.credentials', `${file} has an unreadable "auth" for ${host}`, {
        hint: 'log in again with docker login',
      });
    return {
      kind: 'password',
      username: decoded.slice(0, colon),
      password: decoded.slice(colon + 1).replace(/\0+$/, ''),
    };
  }
  return undefined;
}

/** The helper protocol: the server on standard input, JSON on standard output. A helper that fails is no failure yet. */
async function askHelper(
  helper: string,
  question: { key: string; options: DockerCredentialsOptions; signal: AbortSignal | undefined },
): Promise<Credentials | undefined> {
  try {
    return await answerOf(helper, question);
  } catch (why) {
    if (why instanceof OrlopError && why.code === 'oci.credentials') return { kind: 'out-of-reach', why };
    throw why;
  }
}

async function answerOf(
  helper: string,
  {
    key,
    options,
    signal,
  }: { key: string; options: DockerCredentialsOptions; signal: AbortSignal | undefined },
): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  if (!/^[\w.-]+$/.test(helper))
    throw ociError('oci.credentials', `${JSON.stringify(helper)} is no name of a credential helper`);
  const { status, output } = await runHelper(program, { key, options, signal });
  if (status !== 0) {
    if (HELPER_NOT_FOUND.test(output)) return undefined;
    throw ociError(
      'oci.credentials',
      `${program} failed for ${key}: ${output.trim().slice(0, 500) || status}`,
    );
  }
  const answer = parseObject(Buffer.from(output), `the answer of ${program}`);
  const username = text(answer['Username']);
  const secret = text(answer['Secret']);
  if (secret === undefined) return undefined;
  return username === undefined || username === '<token>'
    ? { kind: 'identity-token', token: secret }
    : { kind: 'password', username, password: secret };
}

function runHelper(
  program: string,
  {
    key,
    options,
    signal,
  }: { key: string; options: DockerCredentialsOptions; signal: AbortSignal | undefined },
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: HELPER_TIMEOUT_MS,
      ...(signal !== undefined && { signal }),
      ...(options.helperPath !== undefined && { env: { ...process.env, PATH: options.helperPath } }),
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      if (output.length < 1 << 20) output += chunk;
    });
    child.on('error', (cause) =>
      reject(
        signal?.aborted
          ? signal.reason
          : ociError('oci.credentials', `the credential helper ${program} cannot be run`, { cause }),
      ),
    );
    child.on('close', (status) => resolve({ status, output }));
    child.stdin.on('error', () => {}); // it ended without reading; its status says why
    child.stdin.end(`${key}\n`);
  });
}

/** Keys are written with or without scheme and path. */
function sameHost(key: string, host: string): boolean {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return bare === host || (DOCKER_HUB.has(bare) && DOCKER_HUB.has(host));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
