import { describe, expect, it } from 'vitest';
import { readCpio } from './cpio-reader.ts';
import { writeCpio } from './cpio-writer.ts';
import { bytesBody, type EntryHeader, type EntryStream, emptyBody } from './entry.ts';
import { readTar } from './tar-reader.ts';
import { writeTar } from './tar-writer.ts';

const text = (content: string) => new TextEncoder().encode(content);
const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 1_492_532_000 };

const MEMBERS: readonly (readonly [EntryHeader, Uint8Array?])[] = [
  [{ ...plain, name: 'etc', type: 'directory', mode: 0o1777, sizeBytes: 0 }],
  [{ ...plain, name: 'etc/hosts', type: 'file', sizeBytes: 5 }, text('hello')],
  [{ ...plain, name: 'etc/same', type: 'hardlink', linkName: 'etc/hosts', sizeBytes: 0 }],
  [{ ...plain, name: 'etc/mtab', type: 'symlink', mode: 0o777, linkName: '/proc/mounts', sizeBytes: 0 }],
  [{ ...plain, name: 'console', type: 'char', sizeBytes: 0, deviceMajor: 5, deviceMinor: 1 }],
  [{ ...plain, name: 'big', type: 'file', sizeBytes: 200_001 }, new Uint8Array(200_001).fill(7)],
  [{ ...plain, name: 'pipe', type: 'fifo', sizeBytes: 0 }],
];

async function* stream(members = MEMBERS): EntryStream {
  for (const [header, bytes] of members)
    yield { header, body: bytes === undefined ? emptyBody : bytesBody(bytes) };
}

async function collect(entries: EntryStream): Promise<[EntryHeader, string][]> {
  const found: [EntryHeader, string][] = [];
  for await (const { header, body } of entries) {
    const { linkCount: _, ...rest } = header;
    let digest = '';
    for await (const chunk of body) digest += Buffer.from(chunk).toString('latin1');
    found.push([rest, digest]);
  }
  return found;
}

const expected = MEMBERS.map(([header, bytes]) => [header, Buffer.from(bytes ?? []).toString('latin1')]);

describe('writeTar', () => {
  it('is read back by readTar with every field', async () => {
    expect(await collect(readTar(writeTar(stream())))).toEqual(expected);
  });
});

describe('writeCpio', () => {
  it('is read back by readCpio with every field', async () => {
    expect(await collect(readCpio(writeCpio(stream())))).toEqual(expected);
  });
});
