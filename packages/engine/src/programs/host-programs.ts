import { chmod, mkdir, open, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReportProgress } from '@orlop/core';
import { Components, hasLoader, storedImage, unpackedPrograms } from '@orlop/kit';
import { ImageStore } from '@orlop/oci';
import { engineError } from '../errors.ts';
import type { EngineHome } from '../instance/instance-paths.ts';
import { shellWord } from '../shell-word.ts';

export interface HostProgramsOptions {
  readonly home: EngineHome;
  /** Folders of component folders. */
  readonly pkgFolders: readonly string[];
  /** `docker-client`: the component whose programs are wanted. */
  readonly component: string;
  /** OCI's word for the host's architecture. */
  readonly architecture: string;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** Programs of a component, unpacked so that the host can run them. */
export interface HostPrograms {
  readonly folder: string;
  /** The words with which a program of the component starts; more arguments follow. */
  command(program: string): string[];
  /** A shell script that starts it, for whoever wants one path. */
  script(program: string): string;
}

/**
 * Builds a component if the store lacks it, and unpacks it below `tools` of the home. Programs run with the libraries
 * that they were built with, whatever the host has: by the component's own loader. Nothing is installed, no root needed.
 *
 * @throws OrlopError `engine.no-program`, and whatever building a component throws
 */
export async function ensureHostPrograms(options: HostProgramsOptions): Promise<HostPrograms> {
  const { home, pkgFolders, component, architecture, progress, signal } = options;
  const platform = { os: 'linux', architecture };
  const store = await ImageStore.open(home.cache);
  const components = new Components({
    ...{ store, platform, progress, signal },
    folders: pkgFolders,
    stateFolder: home.debian,
  });
  const reference = `docker.io/orlop/${component}:latest`;
  const descriptor = await components.image(`docker.io/orlop/${component}`, 'latest');
  if (!hasLoader(architecture) || descriptor === undefined) {
    throw engineError('engine.no-program', `there is no ${component} for this host's ${architecture}`);
  }
  const image = await storedImage({ store, reference, descriptor, platform, signal });
  const tools = join(home.home, 'tools');
  const folder = join(tools, `${component}-${image.digest.replace(/^sha256:/, '').slice(0, 16)}`);
  if ((await stat(folder).catch(() => undefined)) === undefined) {
    const partial = `${folder}.part-${process.pid}`;
    try {
      await unpack(image.entries(), { folder: partial, signal });
      await rename(partial, folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another process was first
      });
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
    await removeOlder(tools, { component, keep: folder });
  }
  const command = await unpackedPrograms(folder, architecture);
  return {
    folder,
    command,
    script: (program) => `#!/bin/sh\nexec ${command(program).map(shellWord).join(' ')} "$@"\n`,
  };
}

type Entries = ReturnType<Awaited<ReturnType<typeof storedImage>>['entries']>;

/** Writes files, folders and links as the calling user; what only root may make is left out. */
async function unpack(
  entries: Entries,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for await (const { header, body } of entries) {
    signal.throwIfAborted();
    const path = join(folder, header.name);
    if (header.type === 'directory') await mkdir(path, { recursive: true });
    else if (header.type === 'symlink' && header.linkName?.startsWith('/') === false) {
      await symlink(header.linkName, path);
    } else if (header.type === 'file') {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, 'wx', header.mode & 0o755);
      try {
        for await (const chunk of body) await file.appendFile(chunk); // write may take a part
      } finally {
        await file.close();
      }
    }
  }
}

async function removeOlder(
  tools: string,
  { component, keep }: { readonly component: string; readonly keep: string },
): Promise<void> {
  for (const name of await readdir(tools)) {
    const path = join(tools, name);
    // A program that runs keeps its files, whatever their names are.
    if (path !== keep && new RegExp(`^${component}-[0-9a-f]{16}$`).test(name))
      await rm(path, { recursive: true, force: true });
  }
}

/** Writes an executable script in one step. */
export async function writeScript(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.part-${process.pid}`;
  await writeFile(partial, text);
  await chmod(partial, 0o755);
  await rename(partial, path);
}
