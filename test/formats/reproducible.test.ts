import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../harness/orlop.ts';

/** Formats whose outputs have names of their own, so that one build makes them all. */
const formats = [
  'tar',
  'docker',
  'kernel+initrd',
  'tar-kernel-initrd',
  'kernel+squashfs',
  'kernel+erofs',
  'kernel+ext4',
  'iso-bios',
  'iso-efi',
  'iso-efi-initrd',
  'raw-bios',
  'raw-efi',
  'aws',
  'qcow2-bios',
  'qcow2-efi',
  'vhd',
  'vhdx',
  'vdi',
  'vmdk',
  'gcp',
  'ova',
  'uki',
] as const;

describe('orlop build', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
  });
  afterAll(() => workshop?.close());

  const build = async (folder: string): Promise<ReadonlyMap<string, string>> => {
    const yaml = fileURLToPath(new URL('web.yml', import.meta.url));
    const digests = new Map<string, string>();
    for (const format of formats) {
      const words = [
        'build',
        '--json',
        '--size',
        '128M',
        '--format',
        format,
        '--dir',
        `${workshop.folder}/${folder}`,
        yaml,
      ];
      const { outputs } = JSON.parse(await workshop.orlop(words)) as { outputs: { path: string }[] };
      for (const { path } of outputs) digests.set(`${format}: ${basename(path)}`, await digest(path));
    }
    return digests;
  };

  test('gives the same bytes in every format, in another folder, at another time, under another umask', async () => {
    const before = process.umask(0o022);
    try {
      const first = await build('one');
      process.umask(0o077);
      const second = await build('two');
      expect([...second]).toEqual([...first]);
      expect(first.size).toBeGreaterThan(formats.length);
    } finally {
      process.umask(before);
    }
  });
});

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
