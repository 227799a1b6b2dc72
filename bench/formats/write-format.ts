/**
 * One writer, once: `write-format.mjs FORMAT TREE|DISK OUT MEBIBYTES`. Trees are spooled first, as a build does once for
 * all its formats; then the machine is settled for an output of so many MiB. Prints the seconds of both steps as JSON.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ArchiveEntry, bytesBody, type EntryStream, emptyBody } from '@orlop/archive';
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
import { BootPartsMaker } from '../../packages/kit/src/formats/boot-parts.ts';
import { qcow2Compressor, zlibCompressor } from '../../packages/kit/src/formats/compressors.ts';
import { DiskFile } from '../../packages/kit/src/formats/disk-file.ts';
import { OutputSet } from '../../packages/kit/src/formats/output-set.ts';
import { Spool } from '../../packages/kit/src/formats/spool/spool.ts';
import { findFormat } from '../../packages/kit/src/formats/table.ts';
import { emptyProgram, smallSyslinux } from '../../packages/kit/src/testing/boot-programs.ts';

const id = '6f726c6f-7000-4000-8000-000000000001';
const NAME = 'image';
/** A content that is read whole; larger ones stream in pieces of this, as those of layers do. */
const PIECE_BYTES = 128 << 10;
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

const [format = '', input = '', output = '', mebibytes = '0', settle = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const folder = dirname(output);
const spooling = performance.now();
const container = containers[format];
const spool =
  container === undefined ? await Spool.write(composition(input, format !== 'fat'), folder) : undefined;
const spoolSeconds = (performance.now() - spooling) / 1000;
const spoolPeakMb = (process.resourceUsage().maxRSS * 1024) / 1e6;
const { status } = spawnSync('sh', [settle, folder, mebibytes, spool === undefined ? input : ''], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (status !== 0) throw new Error(`${settle} failed`);

const started = performance.now();
const used = process.cpuUsage();
if (spool === undefined) {
  const source = await open(input, 'r');
  const disk = new DiskFile(source, signal, (await source.stat()).size);
  await withSink((sink) => container?.(disk, sink));
  await source.close();
} else {
  const fileSystem = fileSystems[format];
  await (fileSystem === undefined ? writeRow(spool) : withSink((sink) => fileSystem(spool.tree(), sink)));
}
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(used);
const outputBytes = (await stat(output)).size;
await spool?.remove();
console.log(
  JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, spoolSeconds, spoolPeakMb, outputBytes }),
);

async function withSink(write: (sink: DiskFile) => Promise<unknown> | undefined): Promise<void> {
  const file = await open(output, 'w+');
  await write(new DiskFile(file, signal));
  await file.close();
}

/** A row of the product's own table; the largest of its files becomes the output. */
async function writeRow(spool: Spool): Promise<void> {
  const outputs = new OutputSet(folder, { signal });
  const bootParts = new BootPartsMaker();
  await findFormat(format).write({
    input: { stream: () => spool.stream(), tree: async () => spool.tree() },
    name: NAME,
    outputs,
    architecture: 'amd64',
    initrdCompression: 'zstd',
    bootParts,
    bootComponent: standIns,
    signal,
  });
  await bootParts.close();
  const written = [...(await outputs.commit())].sort((a, b) => b.sizeBytes - a.sizeBytes);
  for (const [i, { path }] of written.entries())
    if (i > 0) await rm(path);
    else await rename(path, output);
}

/** Boot programs of no size: what is measured is the root. */
async function* standIns(): EntryStream {
  const module = new TextEncoder().encode('a module of syslinux');
  for (const [name, bytes] of Object.entries({
    init: new TextEncoder().encode('#!/bin/sh\n'),
    'isolinux.bin': new Uint8Array(24_576),
    'isohdpfx.bin': new Uint8Array(432),
    'ldlinux.c32': module,
    'mbr.bin': new Uint8Array(440),
    syslinux: smallSyslinux(module),
    'linuxx64.efi.stub': emptyProgram(),
    'systemd-bootx64.efi': new TextEncoder().encode('loader'),
  }))
    yield file({ name, mode: 0o755, uid: 0, gid: 0, mtime: 0 }, bytes);
}

/** The tree as what a composition gives: with a kernel, where links may be. */
async function* composition(folder: string, links: boolean): EntryStream {
  if (links) yield file({ name: 'boot/kernel', mode: 0o644, uid: 0, gid: 0, mtime: 0 }, new Uint8Array(4096));
  yield* folderEntries(folder, links);
}

async function* folderEntries(folder: string, links: boolean, prefix = ''): EntryStream {
  for (const name of (await readdir(join(folder, prefix))).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const at = join(folder, path);
    const stat = await lstat(at);
    const mtime = Math.floor(stat.mtimeMs / 1000);
    const metadata = { name: path, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime };
    if (stat.isDirectory()) {
      if (!links && path === 'links') continue;
      yield { header: { ...metadata, type: 'directory', sizeBytes: 0 }, body: emptyBody };
      yield* folderEntries(folder, links, path);
    } else if (stat.isSymbolicLink()) {
      const linkName = await readlink(at);
      yield { header: { ...metadata, type: 'symlink', sizeBytes: 0, linkName }, body: emptyBody };
    } else if (stat.size <= PIECE_BYTES) yield file(metadata, await readFile(at));
    else {
      const header = { ...metadata, type: 'file', sizeBytes: stat.size } as const;
      yield { header, body: createReadStream(at, { highWaterMark: PIECE_BYTES }) };
    }
  }
}

function file(
  metadata: { name: string; mode: number; uid: number; gid: number; mtime: number },
  bytes: Uint8Array,
): ArchiveEntry {
  return { header: { ...metadata, type: 'file', sizeBytes: bytes.length }, body: bytesBody(bytes) };
}
