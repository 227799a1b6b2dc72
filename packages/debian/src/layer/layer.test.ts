import { type ArchiveEntry, bytesBody, type EntryHeader } from '@orlop/archive';
import { OrlopError } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import type { ComponentDefinition } from '../definition/definition.ts';
import { parseDefinition } from '../definition/parse-definition.ts';
import { composeLayer } from './layer.ts';

type Shipped = Partial<EntryHeader> & { readonly name: string; readonly text?: string };

/** A package's members: a folder by a trailing slash, a link by `linkName`, else a file. */
function entry({ name, text = '', ...rest }: Shipped): ArchiveEntry {
  const bytes = new TextEncoder().encode(text);
  const type = name.endsWith('/') ? 'directory' : rest.linkName === undefined ? 'file' : 'symlink';
  return {
    header: {
      ...{ uid: 0, gid: 0, mtime: 1, type, mode: type === 'directory' ? 0o755 : 0o644 },
      ...rest,
      name: name.replace(/\/$/, ''),
      sizeBytes: bytes.length,
    },
    body: bytesBody(bytes),
  };
}

async function compose(section: string, packages: Readonly<Record<string, readonly Shipped[]>>) {
  const { definition, problems } = parseDefinition('/p/build.yml', `image: x\ndebian: ${section}\n`);
  expect(problems).toEqual([]);
  const contributors = new Set<string>();
  async function* open() {
    for (const [name, members] of Object.entries(packages)) {
      async function* entries() {
        for (const member of members) yield entry(member);
      }
      yield { name, entries: entries() };
    }
  }
  const lines: string[] = [];
  const headers = new Map<string, EntryHeader>();
  const layer = composeLayer({
    section: (definition as ComponentDefinition).debian,
    architecture: 'amd64',
    packages: open,
    contributed: (name) => void contributors.add(name),
    sources: {
      file: async (path) => ({ sizeBytes: path.length, body: bytesBody(new TextEncoder().encode(path)) }),
      names: async () => ['sh', 'ls'],
    },
  });
  const contents = new Map<string, string>();
  for await (const { header, body } of layer) {
    headers.set(header.name, header);
    let text = '';
    for await (const chunk of body) text += new TextDecoder().decode(chunk);
    contents.set(header.name, text);
    lines.push(
      `${header.name}${header.type === 'directory' ? '/' : ''}${header.linkName === undefined ? '' : ` -> ${header.linkName}`}`,
    );
  }
  return { lines, headers, contents, contributors: [...contributors] };
}

const problemOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof OrlopError ? [error.code, ...error.problems.map((one) => one.message)] : error;
};

describe('composeLayer', () => {
  it('puts the links of a merged layout before what packages ship, wherever they name it', async () => {
    const { lines } = await compose('{packages: [aa]}', {
      a: [
        { name: 'bin', linkName: 'usr/bin' },
        { name: 'bin/old' },
        { name: 'usr/' },
        { name: 'usr/bin/new' },
      ],
    });
    expect(lines.slice(0, 11)).toEqual([
      'usr/',
      'usr/bin/',
      'bin -> usr/bin',
      'usr/sbin/',
      'sbin -> usr/sbin',
      'usr/lib/',
      'lib -> usr/lib',
      'usr/lib64/',
      'lib64 -> usr/lib64',
      'usr/bin/old',
      'usr/bin/new',
    ]);
    expect(lines).toContain('etc/passwd');
  });

  it('has neither links nor accounts in a split layout, but the loader where programs name it', async () => {
    const { lines } = await compose('{layout: split}', {
      libc6: [
        { name: 'usr/lib64/ld-linux-x86-64.so.2', linkName: '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' },
      ],
    });
    expect(lines).toEqual([
      'usr/',
      'usr/lib64/',
      'usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
      'lib64/',
      'lib64/ld-linux-x86-64.so.2 -> ../usr/lib64/ld-linux-x86-64.so.2',
    ]);
  });

  it('drops documents, keeps exceptions, and leaves no empty folder behind but those shipped empty', async () => {
    const { lines, contributors } = await compose(
      '{layout: split, drop: [etc/x*], keep: [usr/share/doc/a/copyright]}',
      {
        a: [
          { name: 'usr/share/doc/a/' },
          { name: 'usr/share/doc/a/copyright' },
          { name: 'usr/share/doc/a/changelog' },
          { name: 'usr/share/man/man1/' },
          { name: 'usr/share/man/man1/a.1' },
          { name: 'etc/' },
          { name: 'etc/xyz' },
          { name: 'var/lib/a/', mode: 0o700, uid: 5 },
        ],
        b: [{ name: 'usr/share/doc/b/changelog' }],
      },
    );
    expect(lines).toEqual([
      'usr/',
      'usr/share/',
      'usr/share/doc/',
      'usr/share/doc/a/',
      'usr/share/doc/a/copyright',
      'var/',
      'var/lib/',
      'var/lib/a/',
    ]);
    expect(contributors).toEqual(['a']);
  });

  it('takes files, links, names and folders of the definition in place of those of packages', async () => {
    const { lines, contents, headers } = await compose(
      `{layout: split, files: [{path: etc/a, contents: mine, owner: web}, {path: b, source: f}],
        symlinks: [{path: c, target: b}, {folder: bin, names-file: n, target: busybox}],
        directories: [{path: etc, mode: "0700"}], users: [{name: web, uid: 33}]}`,
      { a: [{ name: 'etc/' }, { name: 'etc/a', text: 'theirs' }, { name: 'etc/other' }] },
    );
    expect(contents.get('etc/a')).toBe('mine');
    expect(contents.get('b')).toBe('/p/f');
    expect(headers.get('etc')?.mode).toBe(0o700);
    expect(headers.get('etc/a')).toMatchObject({ uid: 33, gid: 33, mtime: 0 });
    expect(lines.slice(-5)).toEqual(['b', 'c -> b', 'bin/', 'bin/sh -> busybox', 'bin/ls -> busybox']);
    expect(contents.get('etc/passwd')).toContain('web:x:33:33::/nonexistent:/usr/sbin/nologin\n');
    expect(contents.get('etc/group')).toContain('web:x:33:\n');
  });

  it('renames what packages ship, and puts files together in the order of their paths', async () => {
    const { contents } = await compose(
      '{layout: split, renames: {usr/bin/a: usr/bin/a.real}, files: [{path: bundle, concatenate: usr/share/c/*.crt}], drop: [usr/share/c]}',
      {
        a: [
          { name: 'usr/bin/a', text: 'program' },
          { name: 'usr/share/c/2.crt', text: 'two\n' },
          { name: 'usr/share/c/1.crt', text: 'one\n' },
        ],
      },
    );
    expect(Object.fromEntries([...contents].filter(([, text]) => text !== ''))).toEqual({
      'usr/bin/a.real': 'program',
      bundle: 'one\ntwo\n',
    });
  });

  it('sets modes, owners and capabilities on exactly the paths that patterns name', async () => {
    const { headers } = await compose(
      '{layout: split, modes: {usr/bin/*: "4755"}, owners: {usr/bin/p: "1:2"}, capabilities: {usr/bin/p: [CAP_NET_RAW, CAP_BPF]}}',
      { a: [{ name: 'usr/bin/p' }, { name: 'usr/bin/q' }] },
    );
    expect(headers.get('usr/bin')?.mode).toBe(0o755);
    expect(headers.get('usr/bin/q')).toMatchObject({ mode: 0o4755, uid: 0 });
    expect(headers.get('usr/bin/p')).toMatchObject({ mode: 0o4755, uid: 1, gid: 2 });
    // linux/capability.h: revision 2, effective; bit 13 of the low words, bit 39 - 32 of the high ones.
    expect(
      Buffer.from(headers.get('usr/bin/p')?.xattrs?.get('security.capability') ?? []).toString('hex'),
    ).toBe('0100000200200000000000008000000000000000');
  });

  it('refuses patterns that match nothing, all at once', async () => {
    const section = '{only: [usr/bin/a, usr/bin/b], modes: {usr/bin/c: "0755"}}';
    expect(await problemOf(compose(section, { a: [{ name: 'usr/bin/a' }] }))).toEqual([
      'debian.unmatched-pattern',
      'only: nothing in the packages matches usr/bin/b',
      'nothing in the image matches usr/bin/c',
    ]);
  });

  it('refuses a hard link whose target is left out, and a name that nobody has', async () => {
    const link = { name: 'usr/bin/b', type: 'hardlink', linkName: 'usr/bin/a' } as const;
    expect(await problemOf(compose('{drop: [usr/bin/a]}', { a: [{ name: 'usr/bin/a' }, link] }))).toEqual([
      'debian.layer-conflict',
    ]);
    expect(await problemOf(compose('{files: [{path: a, contents: b, owner: nobody-here}]}', {}))).toEqual([
      'debian.layer-conflict',
    ]);
  });
});
