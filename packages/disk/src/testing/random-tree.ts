import type { Random } from '@orlop/core';
import { type DirectoryNode, type FileNode, type NodeMetadata, TreeBuilder } from '../tree.ts';

export interface RandomTreeOptions {
  readonly directories: number;
  readonly files: number;
  readonly maxFileBytes: number;
  /** Plain trees hold files and directories with simple names only, as FAT can hold. @default false */
  readonly plain?: boolean;
  /** Device numbers that fit a byte each. @default false */
  readonly smallDevices?: boolean;
}

const MTIME = Date.UTC(2026, 3, 18, 16, 30, 0) / 1000;

/** A tree of random shape: long and short names, empty and large files, and, unless plain, all other nodes. */
export function randomTree(random: Random, options: RandomTreeOptions): DirectoryNode {
  const builder = new TreeBuilder({ mode: 0o755, uid: 0, gid: 0, mtime: MTIME });
  const directories = [''];
  const pick = (n: number) => random.u32() % n;
  // Linux refuses user attributes on symlinks and devices.
  const metadata = (mode: number, xattrs = false): NodeMetadata =>
    options.plain
      ? { mode, uid: 0, gid: 0, mtime: MTIME }
      : {
          mode,
          uid: pick(70000),
          gid: pick(1000),
          mtime: MTIME + pick(100000),
          ...(xattrs && pick(4) === 0 && { xattrs: randomXattrs(random) }),
        };
  const name = (i: number, suffix: string) => {
    const long = pick(3) === 0 ? `-${'long name with spaces '.repeat(1 + pick(6)).trim()}` : '';
    return `n${i}${long}${pick(5) === 0 && !options.plain ? 'ü€😀' : ''}${suffix}`;
  };
  const join = (parent: string, child: string) => (parent === '' ? child : `${parent}/${child}`);
  const parent = () => directories[pick(directories.length)] as string;
  for (let i = 0; i < options.directories; i++) {
    const path = join(parent(), name(i, ''));
    builder.addDirectory(path, metadata(options.plain ? 0o755 : 0o700 | pick(0o100), true));
    directories.push(path);
  }
  const files: string[] = [];
  for (let i = 0; i < options.files; i++) {
    const path = join(parent(), name(i, '.Bin'));
    const kind = options.plain ? 0 : pick(12);
    if (kind === 9)
      builder.addLeaf(path, { ...metadata(0o777), type: 'symlink', target: 't'.repeat(1 + pick(200)) });
    else if (kind === 10)
      builder.addLeaf(path, {
        ...metadata(0o600),
        type: pick(2) === 0 ? 'char' : 'block',
        major: options.smallDevices ? 1 + pick(255) : pick(300),
        minor: pick(options.smallDevices ? 256 : 70000),
      });
    else if (kind === 11 && files.length > 0) builder.addHardLink(path, files[pick(files.length)] as string);
    else {
      builder.addLeaf(
        path,
        randomFile(
          random,
          metadata(options.plain ? 0o644 : 0o400 | pick(0o1000), true),
          options.maxFileBytes,
        ),
      );
      files.push(path);
    }
  }
  if (!options.plain) builder.addLeaf('fifo', { ...metadata(0o644), type: 'fifo' });
  return builder.finish();
}

function randomFile(random: Random, metadata: NodeMetadata, maxBytes: number): FileNode {
  const sizeBytes = random.u32() % 4 === 0 ? random.u32() % 100 : random.u32() % (maxBytes + 1);
  const bytes = new Uint8Array(sizeBytes);
  // Half the files are compressible, some have holes.
  const kind = random.u32() % 4;
  if (kind < 2) random.fill(bytes);
  else if (kind === 2) bytes.fill(0x61);
  return {
    ...metadata,
    type: 'file',
    sizeBytes,
    async *open() {
      const step = 1000 + (sizeBytes % 60000);
      for (let at = 0; at < sizeBytes; at += step) yield bytes.subarray(at, Math.min(at + step, sizeBytes));
    },
  };
}

function randomXattrs(random: Random): Map<string, Uint8Array> {
  const value = new Uint8Array(random.u32() % 200);
  random.fill(value);
  return new Map([['user.note', value]]);
}
