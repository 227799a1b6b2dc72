import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@orlop/core';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';
import { FakeDriver } from './fake-machines.ts';

/** What engines of a temporary home are made with; their machines have no QEMU. */
export function surroundingsIn(folder: string): EngineSurroundings & { readonly driver: FakeDriver } {
  return {
    home: {
      home: folder,
      cache: join(folder, 'cache'),
      debian: join(folder, 'debian'),
      machines: join(folder, 'machines'),
      probes: join(folder, 'probes'),
    },
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    logger: silentLogger,
    searchPath: process.env['PATH'] ?? '',
    driver: new FakeDriver(),
    image: {
      description: join(folder, 'engine.yml'),
      pkgFolders: [],
      withRegistry: () => Promise.reject(new Error('no registry is asked')),
      progress: () => {},
    },
  };
}

/** An image that is composed already, of a description that names nothing. */
export async function prepareImage({ home, image }: EngineSurroundings): Promise<void> {
  const text = '# nothing\n';
  await writeFile(image.description, text);
  await writeFile(join(home.home, 'config.yml'), 'accelerator: tcg\ndisk: 1GiB\n');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const key = createHash('sha256')
    .update(`${architecture}\nkernel+erofs\n${text}\n`)
    .digest('hex')
    .slice(0, 16);
  const folder = join(home.home, 'engine', '.images', key);
  await mkdir(folder, { recursive: true });
  for (const name of ['cmdline', 'kernel', 'erofs.img']) await writeFile(join(folder, `engine-${name}`), '');
}
