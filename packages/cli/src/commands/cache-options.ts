import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { parseArchitecture } from '@orlop/core';
import type { Credentials, FindCredentials, ImageStore, Platform, RegistryClient } from '@orlop/oci';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { makeHome } from '../make-home.ts';
import { readNamedText } from '../read-whole.ts';
import { each } from './each.ts';

/** Where images are kept. */
export interface StoreOptions {
  readonly cache?: string;
}

/** How registries are reached. */
export interface RegistryOptions {
  readonly mirror: readonly string[];
  readonly certFile: readonly string[];
  /** `REGISTRY=USER:PASSWORD`, or `REGISTRY=TOKEN`. */
  readonly registryCreds?: readonly string[];
}

/** Adds `--cache`. */
export function addStoreOptions(command: Command): Command {
  return command.option(
    '--cache <folder>',
    'the store of images (default: $ORLOP_CACHE, or cache in $ORLOP_HOME)',
  );
}

/** Adds `--mirror` and `--cert-file`, both repeatable. */
export function addRegistryOptions(command: Command): Command {
  return command
    .option(
      '--mirror <[registry=]url>',
      'read images of that registry, or of all, from here (repeatable; $ORLOP_MIRROR)',
      each,
      [],
    )
    .option(
      '--registry-creds <registry=user:password>',
      'credentials for a registry, or registry=token (repeatable; default: those of docker login)',
      each,
      [],
    )
    .option(
      '--cert-file <file>',
      'certificate (PEM) of an authority to trust (repeatable; $ORLOP_CERT_FILE)',
      each,
      [],
    );
}

/** That of `--cache`, else of `ORLOP_CACHE`, else of the state folder. */
export async function openStore(context: CommandContext, options: StoreOptions): Promise<ImageStore> {
  const { ImageStore } = await import('@orlop/oci');
  const chosen = options.cache ?? context.env['ORLOP_CACHE'];
  const folder = chosen === undefined ? context.paths.cache : resolve(context.cwd, chosen);
  makeHome(folder, 'ORLOP_CACHE');
  return ImageStore.open(folder);
}

/** A client with the user's credentials, mirrors and authorities. Close it when done. */
async function createRegistryClient(
  context: CommandContext,
  options: RegistryOptions,
): Promise<RegistryClient> {
  const { RegistryClient, dockerCredentials, environmentProxies, parseMirror } = await import('@orlop/oci');
  const { env, cwd } = context;
  const certificates = await systemAuthorities(env);
  const trusted = env['ORLOP_CERT_FILE']?.split(delimiter).filter((file) => file !== '') ?? [];
  for (const file of [...options.certFile, ...trusted]) {
    const pem = await readNamedText(resolve(cwd, file)).catch((cause) => {
      throw cliError('cli.bad-option', `--cert-file ${file} cannot be read`, { cause });
    });
    if (!pem.includes('-----BEGIN CERTIFICATE-----'))
      throw cliError('cli.bad-option', `--cert-file ${file} has no certificate in PEM form`);
    certificates.push(pem);
  }
  const ambient = env['ORLOP_MIRROR']?.split(/[\s,]+/).filter((part) => part !== '') ?? [];
  const dockerFolder = env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? '/nonexistent', '.docker');
  return new RegistryClient({
    certificates,
    proxy: environmentProxies(env),
    mirrors: [...options.mirror, ...ambient].map(parseMirror),
    credentials: givenCredentials(
      options.registryCreds ?? [],
      dockerCredentials({ configFile: join(dockerFolder, 'config.json') }),
    ),
  });
}

/** Those of the command line go before those of Docker's configuration. */
export function givenCredentials(texts: readonly string[], otherwise: FindCredentials): FindCredentials {
  const given = new Map<string, Credentials>();
  for (const text of texts) {
    const [, registry, secret] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (registry === undefined || secret === undefined)
      throw cliError('cli.bad-option', '--registry-creds is not REGISTRY=USER:PASSWORD');
    const colon = secret.indexOf(':');
    given.set(
      registry === 'docker.io' ? 'index.docker.io' : registry,
      colon < 0
        ? { kind: 'bearer', token: secret }
        : { kind: 'password', username: secret.slice(0, colon), password: secret.slice(colon + 1) },
    );
  }
  return async (host, signal) => given.get(host) ?? (await otherwise(host, signal));
}

/** Where Debian keeps what the machine trusts; Node brings its own list and does not look there. */
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

async function systemAuthorities(env: CommandContext['env']): Promise<string[]> {
  const file = env['SSL_CERT_FILE'] ?? SYSTEM_AUTHORITIES;
  const pem = await readFile(file, 'utf8').catch(() => ''); // a machine without the list is no failure
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return certificates ?? [];
}

/** Runs `work` with a client, and closes it. */
export async function withRegistryClient<T>(
  context: CommandContext,
  options: RegistryOptions,
  work: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const client = await createRegistryClient(context, options);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** A platform as an option says it, or this machine's. */
export async function platformOf(text: string | undefined): Promise<Platform> {
  const { parsePlatform } = await import('@orlop/oci');
  if (text === undefined) return { os: 'linux', architecture: parseArchitecture(arch()) ?? arch() };
  return parsePlatform(text.includes('/') ? text : `linux/${text}`);
}
