import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { bytesBody, type EntryHeader, type EntryStream, emptyBody, writeTar } from '@orlop/archive';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flattenImage } from './flatten.ts';
import { openImage } from './image.ts';
import type { LayerLimits } from './layer-limits.ts';
import { MEDIA } from './media-types.ts';
import { ImageStore } from './store.ts';
import type { Descriptor } from './types.ts';
import { writeDocument, writeImage } from './write-image.ts';

const platform = { os: 'linux', architecture: 'amd64' };

type Member = Partial<EntryHeader> & { readonly name: string; readonly content?: string };

async function* members(...list: readonly Member[]): EntryStream {
  for (const { content, ...rest } of list) {
    const bytes = new TextEncoder().encode(content ?? '');
    const type = rest.type ?? (content === undefined ? 'directory' : 'file');
    yield {
      header: { mode: 0o755, uid: 0, gid: 0, mtime: 0, ...rest, type, sizeBytes: bytes.length },
      body: bytes.length === 0 ? emptyBody : bytesBody(bytes),
    };
  }
}

describe('flattenImage', () => {
  let folder: TemporaryFolder;
  let store: ImageStore;

  beforeEach(async () => {
    folder = await temporaryFolder('oci');
    store = await ImageStore.open(folder.path);
  });
  afterEach(() => folder.remove());

  async function flatten(layers: readonly EntryStream[], limits: LayerLimits = {}): Promise<string[]> {
    const descriptor = await writeImage(store, { platform, config: {}, layers });
    return flattenDescriptor(descriptor, limits);
  }

  async function flattenDescriptor(descriptor: Descriptor, limits: LayerLimits = {}): Promise<string[]> {
    const lines: string[] = [];
    for await (const { header, body } of flattenImage(store, await openImage(store, descriptor, platform), {
      limits,
    })) {
      let content = '';
      for await (const chunk of body) content += Buffer.from(chunk).toString();
      lines.push(
        header.type === 'directory'
          ? `${header.name}/ ${header.mode.toString(8)}`
          : header.linkName !== undefined
            ? `${header.name} ${header.type === 'hardlink' ? '=' : '->'} ${header.linkName}`
            : `${header.name} "${content}"`,
      );
    }
    return lines;
  }

  it('lets upper layers replace and whiteouts remove', async () => {
    expect(
      await flatten([
        members({ name: 'etc' }, { name: 'etc/a', content: 'low' }, { name: 'etc/b', content: 'b' }),
        members({ name: 'etc/.wh.b', content: '' }, { name: 'etc/a', content: 'high' }),
      ]),
    ).toEqual(['etc/ 755', 'etc/a "high"']);
  });

  it('hides lower siblings of an opaque whiteout and keeps those of its own layer, on either side', async () => {
    expect(
      await flatten([
        members(
          { name: 'd/sub/old', content: 'x' },
          { name: 'd/old', content: 'x' },
          { name: 'e', content: 'e' },
        ),
        members(
          { name: 'd/before', content: '1' },
          { name: 'd/.wh..wh..opq', content: '' },
          { name: 'd/after', content: '2' },
        ),
      ]),
    ).toEqual(['e "e"', 'd/ 755', 'd/before "1"', 'd/after "2"']);
  });

  it('does not let a whiteout hide what its own layer adds', async () => {
    expect(
      await flatten([
        members({ name: 'd/low', content: 'x' }),
        members({ name: 'd/new', content: 'n' }, { name: '.wh.d', content: '' }),
      ]),
    ).toEqual(['d/ 755', 'd/new "n"']);
  });

  it('gives parents their last metadata before their children of lower layers', async () => {
    expect(
      await flatten([
        members({ name: 'a', mode: 0o700 }, { name: 'a/x', content: 'x' }),
        members({ name: 'a', mode: 0o1777 }),
      ]),
    ).toEqual(['a/ 1777', 'a/x "x"']);
  });

  it('keeps the content of a hard link whose target is replaced or removed', async () => {
    const link: Member = { name: 'link', type: 'hardlink', linkName: 'target', content: '' };
    expect(
      await flatten([
        members({ name: 'target', content: 'old' }, link),
        members({ name: 'target', content: 'new' }),
      ]),
    ).toEqual(['link "old"', 'target "new"']);
    expect(
      await flatten([
        members({ name: 'target', content: 'old' }, link),
        members({ name: '.wh.target', content: '' }),
      ]),
    ).toEqual(['link "old"']);
  });

  it('puts the target before its links, also when the layer does not, and counts the names', async () => {
    const link: Member = { name: 'a', type: 'hardlink', linkName: 'z', content: '' };
    expect(await flatten([members(link, { name: 'z', content: 'zz' })])).toEqual(['z "zz"', 'a = z']);
  });

  it('follows symbolic links among parents, inside the root', async () => {
    expect(
      await flatten([
        members({ name: 'usr/lib' }, { name: 'lib', type: 'symlink', linkName: 'usr/lib', content: '' }),
        members({ name: 'lib/x', content: 'x' }),
        members({ name: 'out', type: 'symlink', linkName: '../../../../usr', content: '' }),
        members({ name: 'out/y', content: 'y' }),
      ]),
    ).toEqual([
      'usr/ 755',
      'usr/lib/ 755',
      'lib -> usr/lib',
      'usr/lib/x "x"',
      'out -> ../../../../usr',
      'usr/y "y"',
    ]);
  });

  it('replaces a directory by a file and a symbolic link by a directory', async () => {
    expect(
      await flatten([
        members({ name: 'd/x', content: 'x' }, { name: 's', type: 'symlink', linkName: 'd', content: '' }),
        members({ name: 'd', content: 'file' }, { name: 's' }),
      ]),
    ).toEqual(['d "file"', 's/ 755']);
  });

  it('keeps attributes and devices', async () => {
    const capability = new Uint8Array([1, 0, 0, 2, 0, 0x20, 0, 0]);
    const descriptor = await writeImage(store, {
      platform,
      config: {},
      layers: [
        members(
          { name: 'ping', content: 'p', xattrs: new Map([['security.capability', capability]]) },
          { name: 'null', type: 'char', deviceMajor: 1, deviceMinor: 3, content: '' },
        ),
      ],
    });
    const headers: EntryHeader[] = [];
    for await (const { header } of flattenImage(store, await openImage(store, descriptor, platform)))
      headers.push(header);
    expect(headers[0]?.xattrs?.get('security.capability')).toEqual(capability);
    expect([headers[1]?.deviceMajor, headers[1]?.deviceMinor]).toEqual([1, 3]);
  });

  it.each([
    ['a name that leads out', members({ name: 'a/../../x', content: '' }), /a\/\.\.\/\.\.\/x/],
    [
      'a hard link that leads out',
      members({ name: 'x', type: 'hardlink', linkName: '../etc/passwd', content: '' }),
      /leads out/,
    ],
    [
      'a hard link to nothing',
      members({ name: 'x', type: 'hardlink', linkName: '/etc/passwd', content: '' }),
      /"x" is a hard link to "etc\/passwd", which does not exist/,
    ],
    [
      'a loop of symbolic links',
      members({ name: 'l', type: 'symlink', linkName: 'l', content: '' }, { name: 'l/x', content: '' }),
      /loop of symbolic links/,
    ],
    [
      'a member below a file',
      members({ name: 'f', content: 'f' }, { name: 'f/x', content: '' }),
      /"f\/x" is below "f", which is no directory/,
    ],
    ['a whiteout of ".."', members({ name: 'd/.wh...', content: '' }), /whiteout of no name/],
  ])('refuses %s and names the layer', async (_, layer, message) => {
    const error = await flatten([members(), layer]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'oci.bad-layer' });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^layer 2 of sha256:/);
  });

  it('bounds device nodes and members', async () => {
    const devices = Array.from(
      { length: 5 },
      (_, i): Member => ({ name: `d${i}`, type: 'char', content: '' }),
    );
    await expect(flatten([members(...devices)], { maxDevices: 4 })).rejects.toMatchObject({
      code: 'oci.layer-limit',
    });
    await expect(flatten([members(...devices)], { maxEntries: 4 })).rejects.toMatchObject({
      code: 'oci.layer-limit',
    });
  });

  it('stops a decompression bomb', async () => {
    const bomb = await writeImage(store, {
      platform,
      config: {},
      layers: [members({ name: 'zeros', content: '\0'.repeat(8 << 20) })],
    });
    await expect(flattenDescriptor(bomb, { ratioFreeBytes: 1 << 20 })).rejects.toThrow(
      /layer 1 of sha256:.*: at "zeros" the archive has a member of 8388608 bytes; at most \d+ are allowed/,
    );
    const many = await writeImage(store, {
      platform,
      config: {},
      layers: [
        members(...Array.from({ length: 64 }, (_, i) => ({ name: `z${i}`, content: '\0'.repeat(1 << 17) }))),
      ],
    });
    await expect(flattenDescriptor(many, { ratioFreeBytes: 1 << 20 })).rejects.toThrow(
      /layer 1 of sha256:.* grows from \d+ bytes to over .*bomb/,
    );
  });

  it('refuses a layer that is not what the configuration says', async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeTar(members({ name: 'x', content: 'x' }))) chunks.push(chunk);
    const tar = Buffer.concat(chunks);
    async function* gzipped() {
      yield gzipSync(tar);
    }
    const layer = await store.writeBlob(gzipped(), { mediaType: MEDIA.layerGzip });
    const other = `sha256:${createHash('sha256').update('other').digest('hex')}`;
    const config = await writeDocument(
      store,
      { ...platform, rootfs: { type: 'layers', diff_ids: [other] } },
      MEDIA.config,
    );
    const descriptor = await writeDocument(
      store,
      { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers: [layer] },
      MEDIA.manifest,
    );
    await expect(flattenDescriptor(descriptor)).rejects.toMatchObject({ code: 'oci.digest-mismatch' });
  });
});
