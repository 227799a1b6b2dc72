import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '@orlop/vm';
import { engineError } from '../errors.ts';

/** Where the Docker client keeps its contexts: `$DOCKER_CONFIG` or `~/.docker`. */
export interface DockerConfig {
  readonly folder: string;
}

export type ContextOutcome =
  | { readonly kind: 'written' | 'unchanged' }
  /** One of this name belongs to another socket that is there. */
  | { readonly kind: 'taken'; readonly host: string };

/** `orlop`, or `orlop-NAME`. */
export function contextName(engine: string): string {
  return engine === 'default' ? 'orlop' : `orlop-${engine}`;
}

/** Writes a context as the Docker client itself stores it: contexts/meta/SHA256(name)/meta.json. */
export async function writeContext(
  { folder }: DockerConfig,
  { name, socket }: { readonly name: string; readonly socket: string },
): Promise<ContextOutcome> {
  const path = metaPath(folder, name);
  const host = `unix://${socket}`;
  const present = await hostOf(path);
  if (present === host) return { kind: 'unchanged' };
  if (present !== undefined && (await isThere(present))) return { kind: 'taken', host: present };
  await mkdir(join(path, '..'), { recursive: true, mode: 0o755 });
  const meta = {
    Name: name,
    Metadata: { Description: 'Orlop' },
    Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  };
  await replaceFile(path, JSON.stringify(meta));
  return { kind: 'written' };
}

/** Removes the context if it is to this socket, and unselects it. */
export async function removeContext(
  config: DockerConfig,
  { name, socket }: { readonly name: string; readonly socket: string },
): Promise<boolean> {
  const path = metaPath(config.folder, name);
  if ((await hostOf(path)) !== `unix://${socket}`) return false;
  if ((await readConfig(config))['currentContext'] === name) await selectContext(config, undefined);
  await rm(join(path, '..'), { recursive: true, force: true });
  return true;
}

/** Makes `docker` use the context from now on; undefined: its own default. */
export async function selectContext(config: DockerConfig, name: string | undefined): Promise<void> {
  const { currentContext: _, ...rest } = await readConfig(config);
  await mkdir(config.folder, { recursive: true, mode: 0o700 });
  const next = name === undefined ? rest : { ...rest, currentContext: name };
  await replaceFile(join(config.folder, 'config.json'), `${JSON.stringify(next, undefined, '\t')}\n`);
}

function metaPath(folder: string, name: string): string {
  return join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'), 'meta.json');
}

async function hostOf(path: string): Promise<string | undefined> {
  try {
    const meta = JSON.parse(await readFile(path, 'utf8')) as {
      readonly Endpoints?: { readonly docker?: { readonly Host?: string } };
    };
    return meta.Endpoints?.docker?.Host;
  } catch {
    return undefined; // none, or none that the client could read either
  }
}

/** @throws OrlopError for a file that is damaged: it is the user's, and is not replaced */
async function readConfig({ folder }: DockerConfig): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, 'config.json');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw engineError('engine.bad-client-config', `${path}, the Docker client's configuration, is no JSON`, {
      cause,
      hint: 'the client itself reads nothing of it either: mend or remove it',
    });
  }
}

async function isThere(host: string): Promise<boolean> {
  if (!host.startsWith('unix://')) return true;
  return stat(host.slice('unix://'.length)).then(
    () => true,
    () => false,
  );
}
