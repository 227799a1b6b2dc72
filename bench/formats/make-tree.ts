/** Lays a root file system's like on disk: many small files, some of 100 kB, a few large; half noise, half text. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '', mebibytes = '60'] = process.argv.slice(2);

/** Of the bytes a fifth in small files, two fifths in middling ones, up to what a large root has; the rest in large ones. */
const kinds = [
  { name: 'share', part: 0.2, mostMebibytes: 100, least: 40, most: 9_000 },
  { name: 'lib', part: 0.4, mostMebibytes: 800, least: 20_000, most: 200_000 },
  { name: 'usr', part: 1, mostMebibytes: Infinity, least: 4 << 20, most: 16 << 20 },
] as const;
const FILES_IN_FOLDER = 100;
const WORDS =
  'the root of a machine holds libraries tables pages messages symbols and what reads them '.split(' ');

let state = 1;
let rest = Number(mebibytes) * 2 ** 20;
for (const { name, part, mostMebibytes, least, most } of kinds) {
  let left = Math.min(Number(mebibytes) * part, mostMebibytes) * 2 ** 20;
  if (part === 1) left = rest;
  rest -= left;
  for (let i = 0; left > 0; i++) {
    const parent = join(folder, name, `part-${Math.floor(i / FILES_IN_FOLDER)}`);
    if (i % FILES_IN_FOLDER === 0) mkdirSync(parent, { recursive: true });
    const sizeBytes = Math.min(Math.ceil(left), least + (next() % (most - least)));
    writeFileSync(join(parent, `file-${i}.dat`), content(sizeBytes));
    // FAT has no links: they are in a folder of their own.
    if (i % 50 === 0) link(`${name}-${i}`, `../${name}/part-0/file-${i}.dat`);
    left -= sizeBytes;
  }
}

function link(name: string, target: string): void {
  mkdirSync(join(folder, 'links'), { recursive: true });
  symlinkSync(target, join(folder, 'links', name));
}

function content(sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const end = Math.min(sizeBytes, at + 4096);
    if ((at >> 12) % 2 === 0) {
      while (at < end) at += bytes.write(`${WORDS[next() % WORDS.length]} `, at, end - at, 'latin1');
    } else for (; at < end; at++) bytes[at] = next() >>> 13;
  }
  return bytes;
}

function next(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state >>> 8;
}
