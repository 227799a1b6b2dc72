import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCpio } from './cpio-reader.ts';
import { writeCpio } from './cpio-writer.ts';
import { bytesBody, type EntryHeader, type EntryStream, emptyBody } from './entry.ts';
import { decodeName } from './name.ts';
import { readTar } from './tar-reader.ts';
import { writeTar } from './tar-writer.ts';

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 1_492_532_000, sizeBytes: 0 };
const long = `${'directory-name/'.repeat(20)}${'n'.repeat(150)}`;

type Member = readonly [header: EntryHeader, content?: string];

async function* stream(members: readonly Member[]): EntryStream {
  for (const [header, content = ''] of members) {
    const bytes = new TextEncoder().encode(content);
    const body = bytes.length > 0 ? bytesBody(bytes) : emptyBody;
    yield { header: { ...header, sizeBytes: bytes.length }, body };
  }
}

async function summary(entries: EntryStream): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { header, body } of entries) {
    let content = '';
    for await (const chunk of body) content += Buffer.from(chunk).toString();
    found[header.name] = `${header.type} ${header.mode.toString(8)} ${header.linkName ?? content}`;
  }
  return found;
}

describe('archives judged by GNU tar and GNU cpio', () => {
  let folder: TemporaryFolder;
  let file: string;
  let out: string;

  beforeEach(async () => {
    folder = await temporaryFolder('archive');
    file = join(folder.path, 'archive');
    out = join(folder.path, 'out');
    mkdirSync(out);
  });
  afterEach(() => folder.remove());

  const members: readonly Member[] = [
    [{ ...plain, name: 'bin', type: 'directory', mode: 0o755 }],
    [{ ...plain, name: 'bin/busybox', type: 'file', mode: 0o4755 }, 'program'],
    [{ ...plain, name: 'bin/sh', type: 'hardlink', linkName: 'bin/busybox' }],
    [{ ...plain, name: 'sbin', type: 'symlink', linkName: 'bin', mode: 0o777 }],
    [{ ...plain, name: long, type: 'file' }, 'deep'],
    [{ ...plain, name: 'café/ünïcode', type: 'file' }, 'text'],
    [{ ...plain, name: decodeName(new Uint8Array([0x62, 0xe9, 0x64])), type: 'file' }, 'no UTF-8'],
    [{ ...plain, name: 'pipe', type: 'fifo' }],
  ];

  it('writeTar is extracted by GNU tar with modes, links, long and strange names', async () => {
    await pipeline(writeTar(stream(members)), createWriteStream(file));
    const extracted = spawnSync('tar', ['-xf', file, '-C', out]);
    expect([extracted.status, extracted.stderr.toString()]).toEqual([0, '']);
    expect(statSync(join(out, 'bin/busybox')).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(out, 'bin/sh')).ino).toBe(statSync(join(out, 'bin/busybox')).ino);
    expect(readFileSync(join(out, 'sbin/sh'), 'utf8')).toBe('program');
    expect(readFileSync(join(out, long), 'utf8')).toBe('deep');
    expect(readFileSync(join(out, 'café/ünïcode'), 'utf8')).toBe('text');
    expect(readFileSync(Buffer.concat([Buffer.from(`${out}/b`), Buffer.from([0xe9, 0x64])]), 'utf8')).toBe(
      'no UTF-8',
    );
    expect(lstatSync(join(out, 'pipe')).isFIFO()).toBe(true);
    expect(statSync(join(out, 'bin/busybox')).mtimeMs).toBe(1_492_532_000_000);
  });

  it('writeTar puts values that ustar has no room for where GNU tar finds them', async () => {
    const odd: readonly Member[] = [
      [{ ...plain, name: 'u', type: 'file', uid: 3_000_000, gid: 4_000_000_000, mtime: 1.5 }],
      [{ ...plain, name: 'old', type: 'file', mtime: -86_400 }],
      [{ ...plain, name: 'dev', type: 'block', deviceMajor: 259, deviceMinor: 1_000_000 }],
      [{ ...plain, name: 'owned', type: 'file', uname: 'größe', gname: 'w'.repeat(40) }],
    ];
    await pipeline(writeTar(stream(odd)), createWriteStream(file));
    const list = execFileSync('tar', ['--numeric-owner', '--full-time', '--utc', '-tvf', file]).toString();
    expect(list).toContain('3000000/4000000000');
    expect(list).toContain('1970-01-01 00:00:01.5');
    expect(list).toContain('1969-12-31 00:00:00');
    expect(list).toContain('259,1000000');
    expect(execFileSync('tar', ['-tvf', file]).toString()).toContain(`größe/${'w'.repeat(40)}`);
  });

  it.each(['ustar', 'gnu', 'pax', 'oldgnu', 'v7'])(
    'readTar reads what GNU tar writes as %s',
    async (format) => {
      const source = join(folder.path, 'source');
      mkdirSync(join(source, 'a/b'), { recursive: true });
      writeFileSync(join(source, 'a/b/file'), 'content');
      execFileSync('ln', ['-s', '/somewhere', join(source, 'a/link')]);
      execFileSync('ln', [join(source, 'a/b/file'), join(source, 'a/second')]);
      const name = 'n'.repeat(format === 'v7' ? 90 : format === 'ustar' ? 100 : 200);
      writeFileSync(join(source, 'a', name.slice(0, 97)), 'x');
      execFileSync('tar', [`--format=${format}`, '--sort=name', '-cf', file, '-C', source, '.']);
      const found = await summary(readTar(createReadStream(file)));
      expect(found['a/b/file']).toMatch(/^file \d+ content$/);
      expect(found['a/second']).toMatch(/^hardlink \d+ a\/b\/file$/);
      expect(found['a/link']).toBe('symlink 777 /somewhere');
      expect(found[`a/${name.slice(0, 97)}`]).toMatch(/^file \d+ x$/);
      expect(Object.keys(found)[0]).toBe('');
    },
  );

  it.each(['gnu', 'pax'])('readTar reads the long names and large numbers of GNU tar, %s', async (format) => {
    const source = join(folder.path, 'source');
    mkdirSync(join(source, `${'d'.repeat(120)}/${'e'.repeat(120)}`), { recursive: true });
    writeFileSync(join(source, `${'d'.repeat(120)}/${'e'.repeat(120)}/f`), 'x');
    execFileSync('ln', ['-s', 't'.repeat(200), join(source, 'link')]);
    execFileSync('tar', [
      ...[`--format=${format}`, '--owner=:5000000', '--group=:5000000', '--mtime=@9000000000'],
      ...['-cf', file, '-C', source, '.'],
    ]);
    const headers: EntryHeader[] = [];
    for await (const { header } of readTar(createReadStream(file))) headers.push(header);
    const deep = headers.find(({ name }) => name.endsWith('/f'));
    expect(deep).toMatchObject({ uid: 5_000_000, gid: 5_000_000, mtime: 9_000_000_000 });
    expect(deep?.name).toBe(`${'d'.repeat(120)}/${'e'.repeat(120)}/f`);
    expect(headers.find(({ name }) => name === 'link')?.linkName).toBe('t'.repeat(200));
  });

  it.each([
    ['gnu', []],
    ['oldgnu', []],
    ['pax', ['--sparse-version=0.1']],
    ['pax', ['--sparse-version=1.0']],
  ])('readTar reads what GNU tar writes of sparse files: %s %s', async (format, version) => {
    const source = join(folder.path, 'holes');
    mkdirSync(source);
    const put = (name: string, places: readonly number[], sizeBytes: number) => {
      const path = join(source, name);
      execFileSync('truncate', ['-s', String(sizeBytes), path]);
      const file = openSync(path, 'r+');
      for (const place of places) writeSync(file, `at ${place} `, place);
      closeSync(file);
    };
    put('hole', [], 1 << 20);
    put('end', [100_000], 100_010);
    put('n'.repeat(120), [0, 1 << 20, 3 << 20], 5_000_001);
    put(
      'many',
      Array.from({ length: 200 }, (_, i) => i * 65_536),
      200 * 65_536,
    );
    writeFileSync(join(source, 'plain'), 'after');
    execFileSync('tar', ['--sparse', `--format=${format}`, ...version, '-cf', file, '-C', source, '.']);
    expect(statSync(file).size).toBeLessThan(2_000_000);
    const seen: string[] = [];
    for await (const { header, body } of readTar(createReadStream(file))) {
      if (header.type !== 'file') continue;
      expect([...(header.pax?.keys() ?? [])].filter((key) => key.includes('sparse'))).toEqual([]);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(new Uint8Array(chunk));
      const content = Buffer.concat(chunks);
      expect(content.length, header.name).toBe(header.sizeBytes);
      expect(content.equals(readFileSync(join(source, header.name))), header.name).toBe(true);
      seen.push(header.name);
    }
    expect(seen.sort()).toEqual(readdirSync(source).sort());
    const names: string[] = [];
    for await (const { header } of readTar(createReadStream(file))) names.push(header.name);
    expect(names).toHaveLength(seen.length + 1);
  });

  it('readTar says of sparse files of pax 0.0 how to write them', async () => {
    const sparse = join(folder.path, 'sparse');
    execFileSync('truncate', ['-s', '1M', sparse]);
    const flags = ['--sparse', '--format=pax', '--sparse-version=0.0'];
    execFileSync('tar', [...flags, '-cf', file, '-C', folder.path, 'sparse']);
    await expect(summary(readTar(createReadStream(file)))).rejects.toThrow(
      'write it with --sparse-version=1.0',
    );
  });

  it('writeCpio is extracted by GNU cpio with hard links that share one inode', async () => {
    await pipeline(writeCpio(stream(members)), createWriteStream(file));
    const extracted = spawnSync('cpio', ['-idm', '--quiet', '-F', file], { cwd: out });
    expect([extracted.status, extracted.stderr.toString()]).toEqual([0, '']);
    expect(statSync(join(out, 'bin/sh')).ino).toBe(statSync(join(out, 'bin/busybox')).ino);
    expect(statSync(join(out, 'bin/sh')).nlink).toBe(2);
    expect(statSync(join(out, 'bin/busybox')).mode & 0o7777).toBe(0o4755);
    expect(readFileSync(join(out, 'sbin/sh'), 'utf8')).toBe('program');
    expect(readFileSync(join(out, long), 'utf8')).toBe('deep');
    expect(lstatSync(join(out, 'pipe')).isFIFO()).toBe(true);
  });

  it('writeCpio lists devices as GNU cpio knows them', async () => {
    const devices: readonly Member[] = [
      [{ ...plain, name: 'console', type: 'char', mode: 0o600, deviceMajor: 5, deviceMinor: 1 }],
      [{ ...plain, name: 'sda', type: 'block', mode: 0o660, deviceMajor: 8, deviceMinor: 0 }],
    ];
    await pipeline(writeCpio(stream(devices)), createWriteStream(file));
    const list = execFileSync('cpio', ['-tv', '--quiet', '-F', file]).toString();
    expect(list).toMatch(/^crw------- .* 5, +1 .* console\nbrw-rw---- .* 8, +0 .* sda\n$/);
  });

  it('readCpio reads what GNU cpio writes, with the content of hard links at their last name', async () => {
    const source = join(folder.path, 'source');
    mkdirSync(join(source, 'a'), { recursive: true });
    writeFileSync(join(source, 'a/one'), 'content');
    execFileSync('ln', [join(source, 'a/one'), join(source, 'a/two')]);
    execFileSync('ln', ['-s', 'one', join(source, 'a/link')]);
    execFileSync('cpio', ['-o', '-H', 'newc', '--quiet', '-F', file], {
      cwd: source,
      input: '.\na\na/one\na/two\na/link\n',
    });
    const found = await summary(readCpio(createReadStream(file)));
    expect(found['a/two']).toMatch(/^file \d+ content$/);
    expect(found['a/one']).toMatch(/^hardlink \d+ a\/two$/);
    expect(found['a/link']).toBe('symlink 777 one');
  });
});
