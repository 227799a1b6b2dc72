import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReportProgress } from '@orlop/core';
import { buildImage, Components, findFormat, HostSources, ImageResolver, OutputSet } from '@orlop/kit';
import { ImageStore, pullImage, type RegistryClient } from '@orlop/oci';
import { type Boot, machineFiles } from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { EngineHome } from './instance-paths.ts';

export interface EngineImageOptions {
  readonly home: EngineHome;
  /** The image's YAML. */
  readonly description: string;
  /** Folders of component folders. */
  readonly pkgFolders: readonly string[];
  readonly architecture: string;
  readonly withRegistry: <T>(work: (client: RegistryClient) => Promise<T>) => Promise<T>;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface EngineImage {
  readonly boot: Extract<Boot, { kind: 'kernel' }>;
  readonly key: string;
  /** False when one of an earlier start is still what the description says. */
  readonly built: boolean;
}

const NAME = 'engine';
/** Not compressed: an emulated machine spends a sixth of its start's processor time on decompressing squashfs. */
const FORMAT = 'kernel+erofs';

/**
 * The system image of the engine, composed anew when its description or a component has changed. It is read-only and
 * shared by all engines of this home.
 *
 * @throws OrlopError `engine.no-image` and whatever composing throws
 */
export async function ensureEngineImage(options: EngineImageOptions): Promise<EngineImage> {
  const { home, description, architecture, progress, signal } = options;
  const text = await readFile(description, 'utf8').catch((cause) => {
    throw engineError('engine.no-image', `the description of the machine, ${description}, cannot be read`, {
      cause,
      hint: 'name another one: orlop config set image FILE',
    });
  });
  const platform = { os: 'linux', architecture };
  const store = await ImageStore.open(home.cache);
  const components = new Components({
    store,
    platform,
    folders: options.pkgFolders,
    stateFolder: home.debian,
    progress,
    signal,
  });
  const key = await contentKey(text, { components, pkgFolders: options.pkgFolders, architecture });
  const images = join(home.home, 'engine', '.images');
  const folder = join(images, key);
  const present = await findBoot(folder);
  if (present !== undefined) {
    await removeUnused(images, home.machines, key);
    return { boot: present, key, built: false };
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await options.withRegistry((client) =>
    buildImage({
      locations: [description],
      sources: new HostSources({
        cwd: dirname(description),
        home: undefined,
        stdin: nothing(),
        componentReference: (component) => components.reference(component),
        signal,
      }),
      resolver: new ImageResolver({
        store,
        platform,
        pull: 'missing',
        rules: [],
        component: (repository, tag) => components.image(repository, tag),
        pullImage: (reference) =>
          pullImage({ store, client, reference, platforms: [platform], progress, signal }),
        signal,
      }),
      formats: [findFormat(FORMAT)],
      name: NAME,
      architecture,
      outputs: new OutputSet(folder, { signal }),
      signal,
      progress,
      nowMs: () => performance.now(),
    }),
  );
  const boot = await findBoot(folder);
  if (boot === undefined) throw engineError('engine.no-image', `${description} gave no kernel and no root`);
  await removeUnused(images, home.machines, key);
  return { boot, key, built: true };
}

/** Changes when the description, a component that it names, or the architecture does. */
async function contentKey(
  text: string,
  options: {
    readonly components: Components;
    readonly pkgFolders: readonly string[];
    readonly architecture: string;
  },
): Promise<string> {
  const hash = createHash('sha256').update(`${options.architecture}\n${FORMAT}\n${text}\n`);
  const names = new Set([...text.matchAll(/\borlop\/([a-z0-9._-]+)/g)].map((match) => match[1] ?? ''));
  for (const name of [...names].sort()) {
    for (const parent of options.pkgFolders) {
      const folder = join(parent, name);
      if (await exists(join(folder, 'build.yml'))) {
        hash.update(`${await options.components.reference(folder)}\n`);
        break;
      }
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function findBoot(folder: string): Promise<EngineImage['boot'] | undefined> {
  const path = join(folder, NAME);
  const cmdline = await readFile(`${path}-cmdline`, 'utf8').catch(() => undefined);
  if (cmdline === undefined || !(await exists(`${path}-kernel`))) return undefined;
  // The second is what images that were composed before have.
  const initrds = [`${path}-root-initrd.img`, `${path}-initrd.img`];
  const found = await Promise.all(initrds.map(exists));
  const initrd = initrds.find((_, i) => found[i]);
  const root = `${path}-erofs.img`;
  if (!(await exists(root))) return undefined;
  const words = cmdline.trim();
  return {
    kind: 'kernel',
    kernelPath: `${path}-kernel`,
    rootPath: root,
    ...(initrd !== undefined && { initrdPath: initrd }),
    cmdline: /(^|\s)root=/.test(words) ? words : `${words} root=/dev/vda`.trim(),
  };
}

/**
 * Removes images that no machine was started with last: another engine may have an image of its own, and one that is
 * suspended comes back with its own.
 */
export async function removeUnused(images: string, machines: string, key: string): Promise<void> {
  const used = await Promise.all(
    (await readdir(machines).catch(() => [])).map((machine) =>
      readFile(join(machines, machine, machineFiles.spec), 'utf8').catch(() => ''),
    ),
  );
  for (const other of await readdir(images)) {
    if (other === key || used.some((spec) => spec.includes(`/${other}/`))) continue;
    await rm(join(images, other), { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
