import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../harness/orlop.ts';

/**
 * Every format, one build for each set: only kernels with a first initrd and with a whole one, and the two kinds of VHD,
 * have files of the same name. The second build of a set takes its formats the other way round.
 */
const sets: readonly (readonly string[])[] = [
  [
    'tar',
    'docker',
    'kernel+initrd',
    'tar-kernel-initrd',
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
    'vmdk-sparse',
    'gcp',
    'ova',
    'uki',
    'oci',
  ],
  ['kernel+squashfs', 'kernel+erofs', 'kernel+ext4', 'dynamic-vhd'],
  ['kernel+iso'],
];
/** For another machine than the tests' own. */
const ELSEWHERE = ['rpi3'];

describe('orlop build', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
  });
  afterAll(() => workshop?.close());

  const build = async (folder: string, set: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const yaml = fileURLToPath(new URL('web.yml', import.meta.url));
    const words = ['build', '--json', '--size', '128M', '--format', set.join(','), '--dir', folder, yaml];
    const { outputs } = JSON.parse(await workshop.orlop(words)) as { outputs: { path: string }[] };
    const digests = new Map<string, string>();
    for (const { path } of outputs) {
      digests.set(basename(path), await digest(path));
      await rm(path);
    }
    return new Map([...digests].sort());
  };

  test.each(sets.map((set) => ({ set })))(
    'gives the same bytes in another folder, at another time, under another umask, in another order: $set',
    async ({ set }) => {
      const before = process.umask(0o022);
      try {
        const first = await build(`${workshop.folder}/one`, set);
        process.umask(0o077);
        const second = await build(`${workshop.folder}/two`, [...set].reverse());
        expect([...second]).toEqual([...first]);
        expect(first.size).toBeGreaterThanOrEqual(set.length);
      } finally {
        process.umask(before);
      }
    },
  );

  test('is asked above for every format that there is', async () => {
    const listed = await workshop.orlop(['build', '--list-formats']);
    const names = [...listed.matchAll(/^\S+/gm)].map(([name]) => name);
    expect([...sets.flat(), ...ELSEWHERE].sort()).toEqual(names.sort());
  });
});

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
