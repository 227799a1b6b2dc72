/**
 * One writer, once: `write-format.mjs FORMAT TREE|DISK OUT`. Trees are spooled first, as a build does once for all its
 * formats. Prints the seconds of both steps as JSON.
 */
import { createReadStream } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type EntryStream, emptyBody } from '@orlop/archive';
import {
  type DirectoryNode,
  ext4SizeFor,
  fatSizeFor,
  writeDynamicVhd,
  writeErofs,
  writeExt4,
  writeFat,
  writeFixedVhd,
  writeIso,
  writeQcow2,
  writeSparseVmdk,
  writeSquashfs,
  writeStreamVmdk,
  writeVdi,
  writeVhdx,
} from '@orlop/disk';
import { qcow2Compressor, zlibCompressor } from '../../packages/kit/src/formats/compressors.ts';
import { DiskFile } from '../../packages/kit/src/formats/disk-file.ts';
import { Spool } from '../../packages/kit/src/formats/spool.ts';

const id = '6f726c6f-7000-4000-8000-000000000001';
type Writer<Input> = (input: Input, sink: DiskFile) => Promise<unknown>;

const fileSystems: Readonly<Record<string, Writer<DirectoryNode>>> = {
  squashfs: (root, sink) => writeSquashfs(sink, root, { compressor: zlibCompressor }),
  ext4: (root, sink) => writeExt4(sink, root, { sizeBytes: ext4SizeFor(root), uuid: id }),
  erofs: (root, sink) => writeErofs(sink, root, { uuid: id }),
  iso: (root, sink) => writeIso(sink, root, { volumeId: 'BENCH' }),
  fat: (root, sink) => writeFat(sink, root, { sizeBytes: fatSizeFor(root) }),
};
const containers: Readonly<Record<string, Writer<DiskFile>>> = {
  qcow2: (disk, sink) => writeQcow2(disk, sink),
  'qcow2-compressed': (disk, sink) => writeQcow2(disk, sink, { compressor: qcow2Compressor }),
  vdi: (disk, sink) => writeVdi(disk, sink, { id }),
  vhd: (disk, sink) => writeFixedVhd(disk, sink, { id }),
  'dynamic-vhd': (disk, sink) => writeDynamicVhd(disk, sink, { id }),
  vhdx: (disk, sink) => writeVhdx(disk, sink, { id }),
  'vmdk-sparse': (disk, sink) => writeSparseVmdk(disk, sink, { fileName: 'disk.vmdk' }),
  vmdk: (disk, sink) => writeStreamVmdk(disk, sink, { fileName: 'disk.vmdk', compressor: zlibCompressor }),
};

const [format = '', input = '', output = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const file = await open(output, 'w+');
const sink = new DiskFile(file, signal);
const started = performance.now();
let written = started;
let used = process.cpuUsage();
let spoolPeakMb = 0;
const fileSystem = fileSystems[format];
if (fileSystem !== undefined) {
  const spool = await Spool.write(folderEntries(input, fileSystem !== fileSystems['fat']), dirname(output));
  written = performance.now();
  used = process.cpuUsage();
  spoolPeakMb = (process.resourceUsage().maxRSS * 1024) / 1e6;
  await fileSystem(spool.tree(), sink);
  await spool.remove();
} else {
  const source = await open(input, 'r');
  const disk = new DiskFile(source, signal, (await source.stat()).size);
  await containers[format]?.(disk, sink);
  await source.close();
}
await file.close();
const seconds = (performance.now() - written) / 1000;
const { user, system } = process.cpuUsage(used);
console.log(
  JSON.stringify({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    spoolSeconds: (written - started) / 1000,
    spoolPeakMb,
  }),
);

async function* folderEntries(folder: string, links: boolean, prefix = ''): EntryStream {
  for (const name of (await readdir(join(folder, prefix))).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const at = join(folder, path);
    const stat = await lstat(at);
    const metadata = { name: path, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    const mtime = Math.floor(stat.mtimeMs / 1000);
    if (stat.isDirectory()) {
      if (!links && path === 'links') continue;
      yield { header: { ...metadata, mtime, type: 'directory', sizeBytes: 0 }, body: emptyBody };
      yield* folderEntries(folder, links, path);
    } else if (stat.isSymbolicLink()) {
      const linkName = await readlink(at);
      yield { header: { ...metadata, mtime, type: 'symlink', sizeBytes: 0, linkName }, body: emptyBody };
    } else {
      const header = { ...metadata, mtime, type: 'file', sizeBytes: stat.size } as const;
      yield { header, body: stat.size === 0 ? emptyBody : createReadStream(at) };
    }
  }
}
