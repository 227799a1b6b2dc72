import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { removeUnused } from './engine-image.ts';

describe('images of engines', () => {
  it('go when no engine was started with them last, and stay when another was', async () => {
    const folder = await temporaryFolder('engine-image');
    try {
      const images = join(folder.path, '.images');
      const machines = join(folder.path, 'machines');
      for (const key of ['0aa', '0bb', '0cc']) await mkdir(join(images, key), { recursive: true });
      await removeUnused(images, machines, '0aa');
      expect(await readdir(images)).toEqual(['0aa']);
      for (const key of ['0bb', '0cc']) await mkdir(join(images, key));
      await mkdir(join(machines, 'engine-other'), { recursive: true });
      const spec = { boot: { kind: 'kernel', rootPath: join(images, '0bb', 'engine-erofs.img') } };
      await writeFile(join(machines, 'engine-other', 'spec.json'), JSON.stringify(spec));
      await removeUnused(images, machines, '0aa');
      expect((await readdir(images)).sort()).toEqual(['0aa', '0bb']);
    } finally {
      await folder.remove();
    }
  });
});
