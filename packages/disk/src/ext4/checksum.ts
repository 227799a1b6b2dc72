import { Layout } from '../bytes.ts';
import { crc32c } from '../crc32.ts';

/** CRC-32C as ext4 chains it: no inversion at either end. */
export function chainChecksum(seed: number, bytes: Uint8Array): number {
  return ~crc32c(bytes, ~seed) >>> 0;
}

/** The seed of everything in a file system: its UUID. */
export function fileSystemSeed(uuid: Uint8Array): number {
  return chainChecksum(0xffff_ffff, uuid);
}

/** The seed of what belongs to one inode (generation 0): its own record, its extent and directory blocks. */
export function inodeSeed(seed: number, inode: number): number {
  return chainChecksum(seed, new Layout(8).u32le(0, inode).bytes);
}
