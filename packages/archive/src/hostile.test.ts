import { OrlopError } from '@orlop/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCpio } from './cpio-reader.ts';
import { writeCpio } from './cpio-writer.ts';
import { bytesBody, type EntryHeader, type EntryStream, emptyBody } from './entry.ts';
import type { ArchiveLimits } from './limits.ts';
import { decodeName, encodeName, normalizeName } from './name.ts';
import { encodePaxRecords } from './pax-records.ts';
import { FIELD, headerChecksum } from './tar-header.ts';
import { readTar } from './tar-reader.ts';
import { encodeTarHeader, writeTar } from './tar-writer.ts';

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes: 0 };
const file: EntryHeader = { ...plain, name: 'f', type: 'file' };

async function* chunked(bytes: Uint8Array, size = bytes.length || 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function* one(header: EntryHeader, content = new Uint8Array(0)): EntryStream {
  yield { header, body: content.length === 0 ? emptyBody : bytesBody(content) };
}

async function join(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function drain(entries: EntryStream): Promise<number> {
  let bytes = 0;
  for await (const { body } of entries) for await (const chunk of body) bytes += chunk.length;
  return bytes;
}

/** A header block whose fields are set as text, with a right checksum. */
function block(fields: Partial<Record<keyof typeof FIELD, string>>, header: EntryHeader = file): Uint8Array {
  const bytes = encodeTarHeader(header).at(-1)?.slice() ?? new Uint8Array(512);
  for (const [field, text] of Object.entries(fields)) {
    const [offset, length] = FIELD[field as keyof typeof FIELD];
    bytes.fill(0, offset, offset + length);
    for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
  }
  const sum = headerChecksum(bytes).toString(8).padStart(6, '0');
  bytes.set(new TextEncoder().encode(`${sum}\0 `), FIELD.checksum[0]);
  return bytes;
}

function pax(records: Record<string, string>): Uint8Array {
  const map = new Map(Object.entries(records).map(([key, value]) => [key, new TextEncoder().encode(value)]));
  const content = encodePaxRecords(map);
  const padded = new Uint8Array(Math.ceil(content.length / 512) * 512);
  padded.set(content);
  const size = `${content.length.toString(8).padStart(11, '0')}\0`;
  return Buffer.concat([block({ typeflag: 'x', size }), padded]);
}

const END = new Uint8Array(1024);
const sparse = (map: string, size: number) => pax({ 'GNU.sparse.map': map, 'GNU.sparse.size': String(size) });
const sparse1 = pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '5' });

const read = (...parts: Uint8Array[]) => drain(readTar(chunked(Buffer.concat(parts))));

describe('readTar', () => {
  it.each<[string, string, Uint8Array[]]>([
    [
      'archive.malformed',
      'the tar header at byte 0 has a checksum that is no octal number',
      [new Uint8Array(512).fill(65)],
    ],
    ['archive.malformed', 'no tar header at byte 0: its checksum is', [new Uint8Array(512).fill(0x31)]],
    ['archive.malformed', 'a size that is no octal number', [block({ size: '12x' })]],
    ['archive.malformed', 'a uid below zero', [block({ uid: '\xff\xff\xff\xff\xff\xff\xff\xff' })]],
    ['archive.malformed', 'a size out of range', [block({ size: `\x80${'\xff'.repeat(11)}` })]],
    ['archive.truncated', 'ends 100 bytes before', [block({ size: '00000000144' })]],
    ['archive.truncated', 'ends unexpectedly at byte 100', [block({}).slice(0, 100)]],
    ['archive.unsafe-name', '"a/../../b" leads out', [block({ name: 'a/../../b' })]],
    ['archive.unsafe-name', 'the fifo at byte 0 has the name "/"', [block({ name: '/', typeflag: '6' })]],
    ['archive.unsafe-name', '"../x" leads out', [block({ typeflag: '1', linkName: '../x' })]],
    ['archive.malformed', 'has no usable target', [block({ typeflag: '2' })]],
    ['archive.unsupported', 'of the unknown type "Q"', [block({ typeflag: 'Q' })]],
    ['archive.unsupported', 'a multi-volume archive', [block({ typeflag: 'M' })]],
    ['archive.unsupported', 'is of pax format 0.0', [pax({ 'GNU.sparse.size': '1' }), block({})]],
    ['archive.malformed', 'has "" where a number is', [pax({ 'GNU.sparse.major': '1' }), block({})]],
    ['archive.malformed', 'a run of 9 bytes at 3, after 0 and within 5', [sparse('3,9', 5), block({})]],
    ['archive.malformed', 'a run of 1 bytes at 1, after 2 and within 5', [sparse('1,1,1,1', 5), block({})]],
    ['archive.malformed', 'has runs of 2 bytes, and 0 stored', [sparse('0,2', 5), block({})]],
    ['archive.malformed', 'has "x" where a number is', [sparse('x', 5), block({})]],
    ['archive.limit', 'has 9007199254740991 bytes of holes', [sparse('', 2 ** 53 - 1), block({})]],
    ['archive.limit', 'the map of the sparse file at byte 1024 is over', [sparse1, block({})]],
    ['archive.malformed', 'the pax record size', [pax({ size: '-1' }), block({})]],
    ['archive.malformed', 'the pax record mtime', [pax({ mtime: 'now' }), block({})]],
    ['archive.limit', 'a name of 9000 characters', [pax({ path: 'x'.repeat(9000) }), block({})]],
    ['archive.limit', 'extended headers at byte 0 are over', [block({ typeflag: 'x', size: '00100000000' })]],
    ['archive.truncated', 'has no member', [pax({ path: 'x' }), END]],
    ['archive.malformed', 'belongs to 4294967296:0', [pax({ uid: '4294967296' }), block({})]],
    ['archive.malformed', 'belongs to 0:8589934592', [pax({ gid: '8589934592' }), block({})]],
    ['archive.malformed', 'the numbers 4096:0', [block({ typeflag: '3', devMajor: '0010000' })]],
    ['archive.malformed', 'the numbers 0:1048576', [block({ typeflag: '4', devMinor: '4000000' })]],
    ['archive.malformed', 'claims 1 bytes', [block({ typeflag: '3', size: '00000000001' })]],
  ])('says %s: %s', async (code, message, parts) => {
    const error = await read(...parts).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toContain(message);
  });

  it('refuses a bad pax record', async () => {
    for (const text of ['5 a=', '0 a=b\n', '9 a=b\n', 'x', '6 =bb\n', '99999999999 a=b\n']) {
      const content = new TextEncoder().encode(text);
      const padded = new Uint8Array(512);
      padded.set(content);
      const size = `${content.length.toString(8).padStart(11, '0')}\0`;
      await expect(read(block({ typeflag: 'x', size }), padded, block({}))).rejects.toMatchObject({
        code: 'archive.malformed',
      });
    }
  });

  it('keeps to its limits', async () => {
    const archive = await join(writeTar(one({ ...file, sizeBytes: 5 }, new Uint8Array(5))));
    const rows: ArchiveLimits[] = [{ maxEntries: 0 }, { maxEntryBytes: 4 }, { maxTotalBytes: 4 }];
    for (const limits of rows)
      await expect(drain(readTar(chunked(archive), limits))).rejects.toMatchObject({ code: 'archive.limit' });
  });

  it('reads an archive the same however it is cut into chunks', async () => {
    const content = new Uint8Array(3000).map((_, i) => i);
    const header = { ...file, sizeBytes: 3000, pax: new Map([['LINUXKIT.source', 'x']]) };
    const archive = await join(writeTar(one(header, content)));
    for (const size of [1, 7, 511, 512, 513, 4096]) {
      for await (const entry of readTar(chunked(archive, size))) {
        expect(entry.header).toEqual(header);
        expect(await join(entry.body)).toEqual(Buffer.from(content));
      }
    }
  });

  it('goes on after a member whose body nobody read', async () => {
    const two = async function* (): EntryStream {
      yield { header: { ...file, sizeBytes: 700 }, body: bytesBody(new Uint8Array(700)) };
      yield { header: { ...file, name: 'g' }, body: emptyBody };
    };
    const names: string[] = [];
    for await (const { header } of readTar(writeTar(two()))) names.push(header.name);
    expect(names).toEqual(['f', 'g']);
  });

  it('throws nothing but an OrlopError on any bytes', async () => {
    const valid = await join(
      writeTar(
        one(
          {
            ...file,
            name: 'x'.repeat(300),
            sizeBytes: 20,
            xattrs: new Map([['user.a', new Uint8Array([1, 0])]]),
          },
          new Uint8Array(20),
        ),
      ),
    );
    const damage = fc.array(fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) }), { maxLength: 12 });
    const blocks = fc.array(
      fc.record({
        typeflag: fc.constantFrom('0', '1', '2', '3', '5', 'x', 'g', 'L', 'K', 'S', 'V', 'A'),
        name: fc.string({ unit: 'binary', maxLength: 60 }),
        size: fc.constantFrom('0', '1', '777', '7777777777', '\x80\0\0\0\0\0\0\0\0\0\0\x01'),
        linkName: fc.string({ unit: 'binary', maxLength: 60 }),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(damage, blocks, fc.boolean(), fc.nat(700), async (edits, made, fixed, step) => {
        const bytes = fixed ? Buffer.concat(made.map((fields) => block(fields))) : Buffer.from(valid);
        if (!fixed) for (const { at, to } of edits) bytes[at] = to;
        try {
          await drain(readTar(chunked(bytes, step + 1)));
        } catch (error) {
          expect(error).toBeInstanceOf(OrlopError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('readCpio', () => {
  it('throws nothing but an OrlopError on any bytes', async () => {
    const valid = await join(writeCpio(one({ ...file, sizeBytes: 20 }, new Uint8Array(20))));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) }), { maxLength: 8 }),
        async (edits) => {
          const bytes = Buffer.from(valid);
          for (const { at, to } of edits) bytes[at] = to;
          try {
            await drain(readCpio(chunked(bytes, 64)));
          } catch (error) {
            expect(error).toBeInstanceOf(OrlopError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('writeTar', () => {
  it('refuses a body that is longer or shorter than its header says', async () => {
    for (const length of [4, 6])
      await expect(
        join(writeTar(one({ ...file, sizeBytes: 5 }, new Uint8Array(length)))),
      ).rejects.toMatchObject({
        code: 'archive.size-mismatch',
      });
  });

  it('round-trips any metadata', async () => {
    const name = fc
      .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.map((part) => part.replace(/[/\0]/g, '_').replace(/^\.\.?$/, '_')).join('/'));
    const header = fc.record({
      name,
      type: fc.constant('file' as const),
      mode: fc.nat(0o7777),
      uid: fc.nat(4_294_967_294),
      gid: fc.nat(4_294_967_294),
      mtime: fc.integer({ min: -1e9, max: 1e10 }),
      sizeBytes: fc.constant(0),
      xattrs: fc
        .array(fc.tuple(fc.stringMatching(/^user\.[a-z]{1,9}$/), fc.uint8Array({ maxLength: 40 })), {
          minLength: 1,
        })
        .map((list) => new Map(list)),
    });
    await fc.assert(
      fc.asyncProperty(header, async (written) => {
        const found: EntryHeader[] = [];
        for await (const entry of readTar(writeTar(one(written)))) found.push(entry.header);
        expect(found).toEqual([written]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('writeCpio', () => {
  it('refuses 4 GiB, and a link whose target is missing or was declared single', async () => {
    const huge = one({ ...file, sizeBytes: 2 ** 32 });
    await expect(join(writeCpio(huge))).rejects.toMatchObject({ code: 'archive.too-large' });
    const link: EntryHeader = { ...plain, name: 'l', type: 'hardlink', linkName: 'f' };
    await expect(join(writeCpio(one(link)))).rejects.toMatchObject({ code: 'archive.link-target' });
    const single = async function* (): EntryStream {
      yield { header: { ...file, linkCount: 1 }, body: emptyBody };
      yield { header: link, body: emptyBody };
    };
    await expect(join(writeCpio(single()))).rejects.toThrow(
      'no file before it in the archive that may have links',
    );
  });

  it('says 1 link where the producer does, and 2 where a link may follow', async () => {
    const counts: number[] = [];
    for (const header of [{ ...file, linkCount: 1 }, file]) {
      const text = Buffer.from(await join(writeCpio(one(header)))).toString('latin1');
      counts.push(Number.parseInt(text.slice(6 + 4 * 8, 6 + 5 * 8), 16));
    }
    expect(counts).toEqual([1, 2]);
  });
});

describe('decodeName', () => {
  it('is undone by encodeName for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(new Uint8Array(encodeName(decodeName(bytes)))).toEqual(bytes);
      }),
    );
  });
});

describe('normalizeName', () => {
  it.each([
    ['/a/b', 'a/b'],
    ['./a//b/.', 'a/b'],
    ['a/', 'a'],
    ['.', ''],
    ['..a/b..', '..a/b..'],
  ])('makes %j %j', (written, normal) => {
    expect(normalizeName(written)).toBe(normal);
  });
});
