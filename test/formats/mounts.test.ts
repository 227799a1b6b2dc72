import { execFileSync, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  type BlockCompressor,
  type BlockSink,
  type DirectoryNode,
  ext4SizeFor,
  type FileNode,
  fatSizeFor,
  MemoryDisk,
  type SymlinkNode,
  type TreeNode,
  writeErofs,
  writeExt4,
  writeFat,
  writeIso,
  writeSquashfs,
} from '@orlop/disk';
import { seededRandom } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostXz, hostZstd } from '../../packages/disk/src/testing/host-compressors.ts';
import { contentDigest, peer, walkTree } from '../../packages/disk/src/testing/peer.ts';
import { randomTree } from '../../packages/disk/src/testing/random-tree.ts';
import { zlibCompressor } from '../../packages/kit/src/formats/compressors.ts';
import { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const uuid = '6f726c6f-7000-4000-8000-000000000001';

interface Case {
  readonly title: string;
  /** What Linux calls the file system. */
  readonly type: string;
  readonly write: (sink: BlockSink, root: DirectoryNode) => Promise<unknown>;
}

const squashfs = (compressor: BlockCompressor): Case['write'] => {
  return (sink, root) => writeSquashfs(sink, root, { compressor });
};
const writers: readonly (Case & { readonly seeds: number })[] = [
  {
    title: 'ext4',
    type: 'ext4',
    write: (sink, root) => writeExt4(sink, root, { sizeBytes: ext4SizeFor(root), uuid }),
    seeds: 3,
  },
  { title: 'squashfs', type: 'squashfs', write: squashfs(zlibCompressor), seeds: 3 },
  { title: 'squashfs by xz', type: 'squashfs', write: squashfs(hostXz), seeds: 1 },
  { title: 'squashfs by zstd', type: 'squashfs', write: squashfs(hostZstd), seeds: 1 },
  { title: 'erofs', type: 'erofs', write: (sink, root) => writeErofs(sink, root, { uuid }), seeds: 3 },
  {
    title: 'iso9660',
    type: 'iso9660',
    write: (sink, root) => writeIso(sink, root, { volumeId: 'RANDOM' }),
    seeds: 3,
  },
  {
    title: 'vfat',
    type: 'vfat',
    write: (sink, root) => writeFat(sink, root, { sizeBytes: fatSizeFor(root) }),
    seeds: 3,
  },
];
const attributed: readonly string[] = ['ext4', 'squashfs', 'erofs'];
/** Of bootable disks, far more than a kernel and an initrd take. */
const DISK_MIB = 160;
const bootable = ['bios', 'efi'] as const;
const cases = writers.flatMap(({ seeds, ...row }) =>
  Array.from({ length: seeds }, (_, at) => ({ ...row, seed: at + 1 })),
);
/** CAP_NET_BIND_SERVICE, permitted and effective (linux/capability.h, struct vfs_cap_data of revision 2). */
const bindService = Uint8Array.from([1, 0, 0, 2, 0, 4, ...new Array(14).fill(0)]);

/** As long as Linux follows one, of parts that an ISO keeps each for itself. */
const farLink: SymlinkNode = {
  type: 'symlink',
  ...{ mode: 0o777, uid: 7, gid: 8, mtime: 1_000_000_000 },
  target: `${'abcdefg/'.repeat(511)}end`,
};

describe('Linux mounts what the writers of file systems write', () => {
  let workshop: Workshop;
  const seen: string[] = [];
  const disks: Record<string, string> = {};
  let bootConsole = '';
  const trees = cases.map(({ type, seed }) => {
    const tree = randomTree(seededRandom(seed * 31), {
      directories: 25,
      files: 60 * seed,
      maxFileBytes: 300_000 / seed,
      plain: type === 'vfat',
      smallDevices: true,
    });
    return type === 'vfat' ? tree : { ...tree, children: new Map([...tree.children, ['far', farLink]]) };
  });

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'busybox', '../test/formats/judges']);
    const busybox = await busyboxOf(workshop);
    const yaml = fileURLToPath(new URL('mounts.yml', import.meta.url));
    const base = await workshop.buildFiles('mounts', [
      ...['--format', 'kernel+initrd,raw-bios,raw-efi', '--size', `${DISK_MIB}M`],
      yaml,
    ]);
    const cmdline = (await readFile(`${base}-cmdline`, 'utf8')).trim();
    const drives: string[] = [];
    for (const [i, { type, write }] of cases.entries()) {
      const disk = new MemoryDisk();
      const tree = trees[i] as DirectoryNode;
      if (attributed.includes(type))
        trees[i] = { ...tree, children: new Map([...tree.children, ['httpd', busybox]]) };
      await write(disk, trees[i] as DirectoryNode);
      const file = join(workshop.folder, `disk-${i}`);
      await writeFile(file, disk.bytes);
      drives.push('-drive', `file=${file},format=raw,if=virtio,readonly=on`);
    }
    for (const name of bootable) drives.push('-drive', `file=${base}-${name}.img,format=raw,if=virtio`);
    const words = [
      ...['-M', 'q35', '-m', '512', '-display', 'none', '-no-reboot', '-monitor', 'none', '-serial', 'stdio'],
      ...['-kernel', `${base}-kernel`, '-initrd', `${base}-initrd.img`],
      ...[
        '-append',
        `${cmdline} disks=${cases.map(({ type }) => type).join(',')} bootable=${bootable.join(',')}`,
      ],
      ...drives,
    ];
    const child = spawn('qemu-system-x86_64', words, { stdio: ['pipe', 'pipe', 'pipe'] });
    const machine = new GuestMachine(child, async () => void child.kill('SIGTERM'));
    try {
      await machine.waitFor(/all disks seen/);
    } finally {
      await machine.endNow();
    }
    bootConsole = machine.console;
    for (const name of bootable) disks[name] = `${base}-${name}.img`;
    // What a firmware or kernel says may stand before on the line.
    for (const [, i, text = ''] of machine.console.matchAll(/begin (\d+)\n([\s\S]*?)end \1\n/g))
      seen[Number(i)] = text;
  });
  afterAll(() => workshop?.close());

  test.each(cases.map((row, i) => ({ ...row, i })))(
    '$title: names, types, modes, owners, times, links, devices, contents and attributes are the tree (seed $seed)',
    async ({ type, i }) => {
      const text = seen[i] ?? '';
      expect(text).toMatch(/^[A-Za-z0-9+/=\n]+$/);
      const lines = gunzipSync(Buffer.from(text, 'base64')).toString().trim().split(/\n+/);
      const wanted = await listing(trees[i] as DirectoryNode, attributed.includes(type));
      expect(type === 'vfat' ? lines.map(withoutOwner) : lines).toEqual(
        type === 'vfat' ? wanted.map(withoutOwner) : wanted,
      );
    },
  );

  test.each(cases.map((row, i) => ({ ...row, i })).filter(({ type }) => attributed.includes(type)))(
    '$title: a file capability lets a user without any bind a low port (seed $seed)',
    ({ i }) => {
      expect(bootConsole).toMatch(/^bare httpd: httpd: bind: Permission denied$/m);
      expect(bootConsole).toMatch(new RegExp(`^httpd of ${i}: bound by uid 1000$`, 'm'));
    },
  );

  test.each([
    {
      name: 'bios',
      files: /\/initrd\.img \/mnt\/kernel \/mnt\/ldlinux\.c32 \/mnt\/ldlinux\.sys \/mnt\/note /,
    },
    { name: 'efi', files: /\/EFI\/Linux\/linuxkit\.efi .*\/loader\/loader\.conf \/mnt\/note / },
  ])(
    "a raw-$name disk's partition fills the size asked for, and keeps what a guest writes",
    ({ name, files }) => {
      const [, mebibytes, listed] =
        new RegExp(`${name} has (\\d+) MiB free beside (.*)`).exec(bootConsole) ?? [];
      expect(listed).toMatch(files);
      const image = disks[name] ?? '';
      expect(Number(mebibytes)).toBeGreaterThan(DISK_MIB / 2);
      expect(peer('mtype', '-i', `${image}@@1M`, '::/note')).toBe('kept\n');
    },
  );
});

/** The program of the component busybox, with a capability of its own. */
async function busyboxOf(workshop: Workshop): Promise<FileNode> {
  const tar = join(workshop.folder, 'busybox.tar');
  await workshop.orlop(['cache', 'export', '--format', 'filesystem', '--outfile', tar, 'orlop/busybox']);
  const bytes = execFileSync('tar', ['-xOf', tar, 'usr/bin/busybox'], { maxBuffer: 16 << 20 });
  return {
    type: 'file',
    ...{ mode: 0o755, uid: 0, gid: 0, mtime: 0, sizeBytes: bytes.length },
    xattrs: new Map([['security.capability', bindService]]),
    async *open() {
      yield bytes;
    },
  };
}

/** What a FAT cannot say is what the mount says: mode, owner; and the root has no time. */
function withoutOwner(line: string): string {
  const fields = line.split('|');
  if (fields.length < 5) return line;
  return [fields[0], fields[0] === '.' ? '' : fields[4], ...fields.slice(5)].join('|');
}

const typeBits = { file: 8, directory: 4, symlink: 10, char: 2, block: 6, fifo: 1 } as const;

/** The same as the guest says it. */
async function listing(root: DirectoryNode, hasAttributes: boolean): Promise<readonly string[]> {
  const nodes = [['', root] as [string, TreeNode], ...walkTree(root)]
    .map(([path, node]) => ({ name: path === '' ? '.' : `./${path}`, node }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const names = new Map<TreeNode, number>();
  for (const { node } of nodes) names.set(node, (names.get(node) ?? 0) + 1);
  const head = (name: string, node: TreeNode) =>
    [
      name,
      ((typeBits[node.type] << 12) | node.mode).toString(16),
      node.uid,
      node.gid,
      Math.floor(node.mtime),
    ].join('|');
  const lines: string[][] = [[], [], [], [], [], []];
  for (const { name, node } of nodes) {
    if (node.type === 'directory') lines[0]?.push(head(name, node));
    else if (node.type === 'char' || node.type === 'block')
      lines[2]?.push(`${head(name, node)}|${node.major.toString(16)},${node.minor.toString(16)}`);
    else {
      const size = node.type === 'file' ? node.sizeBytes : node.type === 'symlink' ? node.target.length : 0;
      lines[1]?.push(`${head(name, node)}|${size}|${names.get(node)}`);
    }
    if (node.type === 'symlink') lines[3]?.push(`${name} -> ${node.target}`);
    if (node.type === 'file') lines[4]?.push(`${await contentDigest(node)}  ${name}`);
    if (hasAttributes && node.xattrs !== undefined) {
      lines[5]?.push(`# file: ${name.slice(2)}`);
      for (const [key, value] of node.xattrs)
        lines[5]?.push(`${key}=0x${Buffer.from(value).toString('hex')}`);
    }
  }
  return lines.flat();
}
