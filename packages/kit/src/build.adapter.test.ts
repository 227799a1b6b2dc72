import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readTar } from '@orlop/archive';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSmall, type Member, putImage, tarBytes } from './testing/small-images.ts';

const run = promisify(execFile);
const LIBRARY = new Uint8Array(100_000).map((_, index) => (index * 7919) & 0xff);

const DESCRIPTION = `
kernel: {image: kernel:1, cmdline: "console=ttyS0 a=<b>", ucode: ucode.cpio}
init: [plain:1, merged:1]
onboot:
  - {name: once, image: tool:1, command: [run], onFailure: poweroff}
  - {name: again, image: tool:1, readonly: true}
onshutdown:
  - {name: last, image: tool:1}
services:
  - name: web
    image: web:1
    readonly: true
    uid: web
    binds: ["data:/data", "fixed:/fixed:ro"]
    restart: on-failure:5
    dependsOn: [db]
    health: {command: [check], interval: 2s}
  - {name: db, image: tool:1}
volumes:
  - {name: data}
  - {name: fixed, image: tool:1, readonly: true}
  - {name: layout, image: web:1, format: oci, platforms: [linux/amd64]}
files:
  - {path: etc/plain.conf, contents: "x"}
  - {path: /srv/new/file, contents: "y", mode: "0640", uid: web}
  - {path: bin/later, symlink: ../etc/plain.conf}
  - {path: etc/linuxkit.yml, metadata: yaml}
  - {path: var/empty, directory: true}
  - {path: from-host, source: host.txt, mode: "0600"}
  - {path: not-there, source: nowhere.txt, optional: true}
`;

let store: ImageStore;
let root: TemporaryFolder;

beforeAll(async () => {
  root = await temporaryFolder('kit-build');
  store = await ImageStore.open(join(root.path, 'store'));
  const modules = await tarBytes([
    ['lib/'],
    ['lib/modules/'],
    ['lib/modules/6.12/'],
    ['lib/modules/6.12/a.ko', 'module'],
  ]);
  await putImage(store, 'kernel:1', {
    layers: [
      [
        ['kernel', 'KERNEL'],
        ['kernel.tar', modules],
        ['kernel-dev.tar', 'no'],
        ['ucode.cpio', 'MICROCODE'],
      ],
    ],
  });
  const plain: readonly Member[] = [
    ['bin/'],
    ['bin/sh', LIBRARY, 0o755],
    ['bin/ls', { hard: 'bin/sh' }],
    ['etc/', '', 0o700],
    ['etc/hosts', 'mine'],
    ['etc/hostname', 'no'],
    ['proc/', '', 0o555],
    ['dev/'],
    ['dev/console', 'no'],
  ];
  await putImage(store, 'plain:1', { layers: [plain] });
  await putImage(store, 'merged:1', {
    layers: [
      [
        ['bin', { link: 'usr/bin' }],
        ['lib', { link: 'usr/lib' }],
        ['usr/'],
        ['usr/bin/'],
        ['usr/bin/runc', 'RUNC', 0o755],
        ['usr/lib/'],
        ['usr/lib/libc.so', LIBRARY, 0o755],
      ],
    ],
  });
  await putImage(store, 'tool:1', {
    layers: [[['bin/'], ['bin/tool', LIBRARY, 0o755], ['old', 'old']], [['.wh.old', '']]],
    config: {
      Entrypoint: ['/bin/tool'],
      Labels: { 'org.mobyproject.config': '{"capabilities": ["CAP_CHOWN"]}' },
    },
    sbom: { SPDXID: 'SPDXRef-DOCUMENT', packages: [{ SPDXID: 'SPDXRef-Package-tool', name: 'tool' }] },
  });
  await putImage(store, 'web:1', { layers: [[['index.html', 'hello'], ['etc/'], ['etc/resolv.conf', 'x']]] });
});
afterAll(() => root.remove());

async function newFolder(name: string, text = DESCRIPTION): Promise<string> {
  const folder = join(root.path, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'image.yml'), text);
  await writeFile(join(folder, 'host.txt'), 'from the host');
  return folder;
}

/** Type, mode, size or target of everything below a folder, as `find` sees it. */
async function listTree(folder: string): Promise<readonly string[]> {
  const format = '%P|%y|%m|%l|%s\\n';
  const { stdout } = await run('find', [folder, '-mindepth', '1', '-printf', format]);
  return stdout
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/^(.*\|d\|\d+\|)\|\d+$/, '$1')
        .replace(/^(.*)\|\d+$/, (all, rest) => (all.includes('|d|') ? rest : all)),
    )
    .sort();
}

async function extractTar(file: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  await run('tar', ['-xpf', file, '-C', into, '--no-same-owner', '--warning=no-unknown-keyword']);
}

describe('buildImage', () => {
  it('writes a tar that GNU tar unpacks to what LinuxKit has on disk', async () => {
    const folder = await newFolder('tar');
    await buildSmall({ store, folder, formats: ['tar'] });
    const into = join(folder, 'x');
    await extractTar(join(folder, 'image.tar'), into);
    const tree = await listTree(into);
    const names = tree.map((line) => line.split('|')[0] ?? '');
    expect(
      names.filter(
        (name) => !name.includes('/lower/') && !name.startsWith('containers/onboot/000-once/lower'),
      ),
    ).toMatchSnapshot();
    const text = (name: string) => readFile(join(into, name), 'utf8');
    expect(await text('boot/cmdline')).toBe('console=ttyS0 a=<b>');
    expect(await text('usr/lib/modules/6.12/a.ko')).toBe('module');
    expect(await text('bin/runc')).toBe('RUNC');
    expect(await text('etc/hosts')).toContain('ip6-allrouters');
    expect(await text('from-host')).toBe('from the host');
    expect(await text('containers/services/web/rootfs/etc/resolv.conf')).toBe(
      '\n# no resolv.conf configured\n',
    );
    expect(await text('etc/linuxkit.yml')).toContain('image: docker.io/library/kernel:1');
    const mode = async (name: string) => (await stat(join(into, name))).mode & 0o7777;
    // Neither the image's own 0700 nor that of the first file in it, but what every image gets.
    expect(await mode('etc')).toBe(0o755);
    expect(await mode('proc')).toBe(0o755);
    expect(await mode('etc/plain.conf')).toBe(0o600);
    expect(await mode('srv/new')).toBe(0o750);
    expect(await mode('var/empty')).toBe(0o700);
    const [sh, ls] = await Promise.all(['bin/sh', 'usr/bin/ls'].map((name) => stat(join(into, name))));
    expect(sh?.ino).toBe(ls?.ino);
  });

  it('shares the root of an image among its containers, and says in orlop.json how they are kept alive', async () => {
    const folder = await newFolder('bundles');
    await buildSmall({ store, folder, formats: ['tar'] });
    const into = join(folder, 'x');
    await extractTar(join(folder, 'image.tar'), into);
    const json = async (name: string) => JSON.parse(await readFile(join(into, 'containers', name), 'utf8'));
    const root1 = '/containers/onboot/000-once/lower';
    expect((await json('onboot/000-once/runtime.json')).mounts[2].options[0]).toBe(`lowerdir=${root1}`);
    expect((await json('onboot/001-again/runtime.json')).mounts).toEqual([
      { destination: '/containers/onboot/001-again/rootfs', source: root1, options: ['bind'] },
    ]);
    expect((await json('services/db/runtime.json')).mounts[2].options[0]).toBe(`lowerdir=${root1}`);
    expect(await readdir(join(into, 'containers/services/db'))).toEqual([
      'config.json',
      'rootfs',
      'runtime.json',
      'tmp',
    ]);
    expect((await json('onboot/000-once/config.json')).process).toMatchObject({
      args: ['run'],
      capabilities: { effective: ['CAP_CHOWN'] },
    });
    const web = await json('services/web/config.json');
    // Ids from 100: once, again, last, web.
    expect(web.process.user.uid).toBe(103);
    expect(web.mounts.find((mount: { destination: string }) => mount.destination === '/data').source).toBe(
      '/containers/volumes/data/merged',
    );
    expect(await json('services/web/orlop.json')).toEqual({
      restart: { policy: 'on-failure', maxRetries: 5, delayMs: 1000, maxDelayMs: 60000 },
      dependsOn: [{ name: 'db', condition: 'started' }],
      health: { command: ['check'], intervalMs: 2000, timeoutMs: 5000, retries: 3, startPeriodMs: 0 },
    });
    expect(await json('onboot/000-once/orlop.json')).toEqual({ onFailure: 'poweroff' });
    expect(await readdir(join(into, 'containers/volumes/fixed'))).toEqual([
      'lower',
      'merged',
      'readonly',
      'tmp',
    ]);
    expect(await readdir(join(into, 'containers/volumes/fixed/lower/bin'))).toEqual(['tool']);
    const layout = await json('volumes/layout/lower/index.json');
    expect(layout.manifests[0].annotations['org.opencontainers.image.ref.name']).toBe(
      'docker.io/library/web:1',
    );
    await run('skopeo', ['inspect', '--raw', `oci:${join(into, 'containers/volumes/layout/lower')}`]);
  });

  it('says of every entry but the SBOM where it comes from', async () => {
    const folder = await newFolder('origins');
    await buildSmall({ store, folder, formats: ['tar'] });
    const origins = new Set<string>();
    const chunks = (async function* () {
      yield new Uint8Array(await readFile(join(folder, 'image.tar')));
    })();
    for await (const { header } of readTar(chunks)) {
      const source = header.pax?.get('LINUXKIT.source');
      const location = header.pax?.get('LINUXKIT.location');
      if (source === undefined || location === undefined) expect(header.name).toBe('sbom.spdx.json');
      else origins.add(`${location} ${source}`);
    }
    expect([...origins].sort()).toMatchSnapshot();
  });

  it('writes an initrd that cpio unpacks to the same tree as the tar, with microcode before it', async () => {
    const folder = await newFolder('initrd');
    await buildSmall({ store, folder, formats: ['tar', 'kernel+initrd', 'tar-kernel-initrd'] });
    expect(await readFile(join(folder, 'image-kernel'), 'utf8')).toBe('KERNEL');
    expect(await readFile(join(folder, 'image-cmdline'), 'utf8')).toBe('console=ttyS0 a=<b>');
    const initrd = await readFile(join(folder, 'image-initrd.img'));
    expect(initrd.subarray(0, 12).toString('latin1')).toBe('MICROCODE\0\0\0');
    await writeFile(join(folder, 'archive.zst'), initrd.subarray(12));
    await mkdir(join(folder, 'c'));
    await run('sh', ['-c', 'zstd -dc ../archive.zst | cpio -idm --quiet'], { cwd: join(folder, 'c') });
    await extractTar(join(folder, 'image.tar'), join(folder, 't'));
    const notBoot = (line: string) => !line.startsWith('boot/');
    expect((await listTree(join(folder, 'c'))).filter(notBoot)).toEqual(
      (await listTree(join(folder, 't'))).filter(notBoot),
    );
    // A file that several images brought is there once.
    const [a, b] = await Promise.all(
      ['usr/lib/libc.so', 'containers/onboot/000-once/lower/bin/tool'].map((name) =>
        stat(join(folder, 'c', name)),
      ),
    );
    expect(a?.ino).toBe(b?.ino);
    const { stdout } = await run('tar', ['-tf', join(folder, 'image-initrd.tar')]);
    expect(stdout.trim().split('\n')).toEqual(['kernel', 'initrd.img', 'cmdline', 'ucode.cpio']);
  });

  it('adds a Dockerfile to the format docker only', async () => {
    const folder = await newFolder('docker');
    await buildSmall({ store, folder, formats: ['tar', 'docker'] });
    const list = async (file: string) =>
      (await run('tar', ['-tf', join(folder, file), '--warning=no-unknown-keyword'])).stdout.split('\n');
    expect(await list('image.docker')).toContain('Dockerfile');
    expect(await list('image.tar')).not.toContain('Dockerfile');
  });

  it('gives the same bytes in another folder, at another time and under another umask', async () => {
    const formats = ['tar', 'docker', 'kernel+initrd', 'tar-kernel-initrd'];
    const digests = async (name: string, mask: number, nowMs: number) => {
      const folder = await newFolder(name);
      const before = process.umask(mask);
      try {
        const { outputs } = await buildSmall({ store, folder, formats, options: { nowMs: () => nowMs } });
        return await Promise.all(
          outputs.map(async ({ path }) => {
            const { mode } = await stat(path);
            const hash = createHash('sha256')
              .update(await readFile(path))
              .digest('hex');
            return `${path.slice(folder.length)} ${(mode & 0o777).toString(8)} ${hash}`;
          }),
        );
      } finally {
        process.umask(before);
      }
    };
    const first = await digests('same-1', 0o022, 1);
    expect(first).toHaveLength(6);
    expect(await digests('deeper/same-2', 0o077, 2_000_000)).toEqual(first);
  });

  it('takes unchanged content from an older tar, volumes too', async () => {
    const folder = await newFolder('reuse');
    await buildSmall({ store, folder, formats: ['tar'] });
    const changed = DESCRIPTION.replace('command: [run]', 'command: [walk]').replace(
      'image: web:1\n    readonly',
      'image: tool:1\n    readonly',
    );
    const fresh = await newFolder('reuse-fresh', changed);
    await buildSmall({ store, folder: fresh, formats: ['tar'] });
    const again = await newFolder('reuse-again', changed);
    const steps: string[] = [];
    await buildSmall({
      store,
      folder: again,
      formats: ['tar'],
      options: { inputTar: join(folder, 'image.tar'), onStep: (what) => steps.push(what) },
    });
    const [a, b] = await Promise.all([fresh, again].map((one) => readFile(join(one, 'image.tar'))));
    expect(b?.equals(a ?? Buffer.alloc(0))).toBe(true);
    const copied = steps.filter((what) => what.startsWith('Copy'));
    expect(copied).toEqual(['Copy init[0]', 'Copy init[1]', 'Copy onboot[0]']);
  });

  it('merges the SBOMs of the images, each once', async () => {
    const folder = await newFolder('sbom');
    await buildSmall({ store, folder, formats: ['tar'] });
    await extractTar(join(folder, 'image.tar'), join(folder, 'x'));
    const sbom = JSON.parse(await readFile(join(folder, 'x/sbom.spdx.json'), 'utf8'));
    const names = sbom.packages.map(({ name }: { name: string }) => name);
    expect(names.filter((name: string) => name === 'tool')).toHaveLength(1);
    expect(names).toContain('docker.io/library/kernel');
  });

  it('puts what goes through a link of the section files to its target, in every format', async () => {
    const yaml = `kernel: {image: kernel:1}
init: [plain:1]
files:
  - {path: bin, symlink: usr/bin}
  - {path: bin/mine, contents: x}
`;
    const folder = await newFolder('file-links', yaml);
    await buildSmall({ store, folder, formats: ['tar', 'kernel+initrd'] });
    await extractTar(join(folder, 'image.tar'), join(folder, 't'));
    await mkdir(join(folder, 'c'));
    await run('sh', ['-c', 'zstd -dc ../image-initrd.img | cpio -idm --quiet'], { cwd: join(folder, 'c') });
    for (const root of ['t', 'c'].map((name) => join(folder, name))) {
      expect(await readlink(join(root, 'bin'))).toBe('usr/bin');
      expect((await readdir(join(root, 'usr/bin'))).sort()).toEqual(['ls', 'mine', 'sh']);
    }
  });

  it('names the kernel image whose tar is wrong', async () => {
    await putImage(store, 'bad-modules:1', {
      layers: [
        [
          ['kernel', 'KERNEL'],
          ['kernel.tar', 'no tar'],
        ],
      ],
    });
    const folder = await newFolder('bad-modules', 'kernel: {image: bad-modules:1}\ninit: [plain:1]\n');
    await expect(buildSmall({ store, folder, formats: ['tar'] })).rejects.toMatchObject({
      code: 'kit.invalid-image',
      message: expect.stringMatching(/^kernel\.tar of docker\.io\/library\/bad-modules:1: /),
    });
  });

  it('leaves nothing of a build that fails, and an older file as it was', async () => {
    const folder = await newFolder('fails', 'kernel: {image: web:1}\ninit: [plain:1]\n');
    await writeFile(join(folder, 'image-kernel'), 'old');
    await expect(buildSmall({ store, folder, formats: ['kernel+initrd'] })).rejects.toMatchObject({
      code: 'kit.no-kernel',
      message: 'did not find kernel in kernel image: docker.io/library/web:1 has no file "kernel"',
    });
    expect(await readdir(folder)).toEqual(['host.txt', 'image-kernel', 'image.yml']);
    expect(await readFile(join(folder, 'image-kernel'), 'utf8')).toBe('old');
  });

  it('reports every image that cannot be had, before anything is composed', async () => {
    const folder = await newFolder(
      'absent',
      'init: [plain:1, no:1]\nservices:\n  - {name: a, image: none:2}\n',
    );
    await expect(buildSmall({ store, folder, formats: ['tar'] })).rejects.toMatchObject({
      code: 'kit.image-not-found',
      problems: [
        {
          position: { line: 1, column: 17 },
          message: 'init[1]: the image docker.io/library/no:1 is not in the store',
        },
        { position: { line: 3, column: 22 } },
      ],
    });
  });

  it('refuses a label with what is wrong in it', async () => {
    const label = '{"capabilities": ["NOPE"], "foo": 1, "binds": ["gone:/x"]}';
    await putImage(store, 'bad:1', {
      layers: [[['a', 'a']]],
      config: { Labels: { 'org.mobyproject.config': label } },
    });
    const folder = await newFolder('label', 'services:\n  - {name: a, image: bad:1}\n');
    await expect(buildSmall({ store, folder, formats: ['tar'] })).rejects.toMatchObject({
      code: 'kit.invalid-label',
      problems: [
        {
          message: 'capabilities[0]: unknown capability: NOPE',
          position: { file: 'docker.io/library/bad:1 label org.mobyproject.config', line: 1, column: 19 },
        },
        { message: 'unknown key "foo"' },
        { message: 'binds[0]: volume gone not found' },
      ],
    });
  });

  it.each([
    ['vhd', 'dynamic-vhd', 'image.vhd'],
    ['kernel+iso', 'iso-bios', 'image.iso'],
  ])('refuses %s and %s in one build, which both write %s', async (one, other, file) => {
    const folder = await newFolder(`both-${one}`);
    await expect(buildSmall({ store, folder, formats: [one, other] })).rejects.toMatchObject({
      code: 'kit.same-output',
      message: `${one} and ${other} both write ${file}`,
    });
    expect(await readdir(folder)).toEqual(['host.txt', 'image.yml']);
  });

  it('refuses a format with a kernel where the description has none', async () => {
    const folder = await newFolder('no-kernel', 'init: [plain:1]\n');
    await expect(buildSmall({ store, folder, formats: ['kernel+initrd'] })).rejects.toMatchObject({
      code: 'kit.no-kernel',
    });
  });
});
