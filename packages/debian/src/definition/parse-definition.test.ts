import { formatProblem } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import type { AnyComponent } from './definition.ts';
import { parseDefinition } from './parse-definition.ts';

const FILE = '/p/build.yml';
const problemsOf = (text: string) => parseDefinition(FILE, text).problems.map(formatProblem);

const debianOf = (definition: AnyComponent | undefined) =>
  definition !== undefined && 'debian' in definition ? definition.debian : undefined;

describe('parseDefinition', () => {
  it("takes an organisation behind a registry's host, and no such image", () => {
    const { definition, problems } = parseDefinition(FILE, 'image: x\norg: ghcr.io:443/me\ndebian: {}\n');
    expect([definition?.organisation, problems]).toEqual(['ghcr.io:443/me', []]);
    expect(problemsOf('image: localhost:5000/x\ndebian: {}\n')).toEqual([
      '/p/build.yml:1:8: image "localhost:5000/x" is no repository name: lower-case letters, digits, . _ - and /',
    ]);
  });

  it.each([
    ['yes', true],
    ['on', true],
    ['"n"', false],
    ['off', false],
  ])('takes %s for a switch, as Go’s YAML reader does', (word, network) => {
    const { definition, problems } = parseDefinition(FILE, `image: x\nnetwork: ${word}\n`);
    expect(problems).toEqual([]);
    expect(definition).toMatchObject({ dockerfile: { network } });
  });

  it('takes the mode of a device as it is written, and what an alias stands for', () => {
    const { definition, problems } = parseDefinition(
      FILE,
      `image: x
config:
  devices: [{path: /dev/a, type: c, mode: 0666}, {path: /dev/b, type: c, mode: "0600"}]
  binds: &places [/a:/a]
  tmpfs: *places
  uid: 5
debian:
  packages: &names [aa, bb]
  without: *names
  entrypoint: [&shell /bin/sh]
  cmd: [*shell]
`,
    );
    expect(problems).toEqual([]);
    expect(definition?.config).toEqual({
      devices: [
        { path: '/dev/a', type: 'c', mode: '0666' },
        { path: '/dev/b', type: 'c', mode: '0600' },
      ],
      ...{ binds: ['/a:/a'], tmpfs: ['/a:/a'], uid: 5 },
    });
    expect(debianOf(definition)).toMatchObject({
      without: [{ name: 'aa' }, { name: 'bb' }],
      entrypoint: ['/bin/sh'],
      command: ['/bin/sh'],
    });
  });

  it('reads every key of a component', () => {
    const { definition, problems } = parseDefinition(
      FILE,
      `image: redis
org: example
tag: "v1-{{.Hash}}"
arches: [amd64, arm64]
extra-sources: [../other/file:file]
gitrepo: https://example.com/x
network: true
disable-cache: false
config:
  capabilities: [CAP_NET_ADMIN]
debian:
  suite: sid
  packages: [redis-server, "linux-image-cloud-amd64 [amd64]"]
  without: [systemd]
  layout: split
  only: [usr/bin/redis-*]
  drop: [usr/share/x]
  keep: [usr/share/doc/*/copyright]
  renames: {usr/bin/a: usr/bin/b}
  files:
    - {path: /etc/x, contents: "hi\\n", mode: "0600", owner: redis:0}
    - {path: y, source: files/y}
    - {path: z, concatenate: etc/*.d/**}
  directories: [{path: data, mode: "1777", owner: redis}]
  symlinks:
    - {path: bin/x, target: y}
    - {folder: bin, names-file: names.txt, target: busybox}
  users: [{name: redis, uid: 999, home: /data, shell: /bin/sh, comment: Redis, password: "*"}]
  groups: [{name: redis, gid: 998, members: [redis]}]
  modes: {usr/bin/x: "4755"}
  owners: {data: "redis:redis"}
  capabilities: {usr/bin/x: [CAP_NET_RAW]}
  areas: [contrib, non-free-firmware]
  kernel: {modules: [ext4, drivers/net/*, "ahci [amd64]"], without-modules: [btrfs], sources: ["m.c [amd64]"], device-trees: [b/*.dtb]}
  entrypoint: [/x]
  cmd: [a, b]
  env: [A=b]
  workdir: /data
  user: redis
  stopsignal: SIGQUIT
`,
    );
    expect(problems).toEqual([]);
    expect(definition).toMatchObject({
      folder: '/p',
      image: 'redis',
      organisation: 'example',
      tag: 'v1-{{.Hash}}',
      architectures: ['amd64', 'arm64'],
      extraSources: ['/other/file'],
      source: 'https://example.com/x',
      config: { capabilities: ['CAP_NET_ADMIN'] },
    });
    expect(debianOf(definition)).toMatchObject({
      suite: 'sid',
      packages: [
        { name: 'redis-server', architectures: [] },
        { name: 'linux-image-cloud-amd64', architectures: ['amd64'] },
      ],
      layout: 'split',
      renames: new Map([['usr/bin/a', 'usr/bin/b']]),
      files: [
        {
          path: 'etc/x',
          mode: 0o600,
          owner: { user: 'redis', group: 0 },
          content: { kind: 'contents', text: 'hi\n' },
        },
        { path: 'y', mode: 0o644, content: { kind: 'source', path: '/p/files/y' } },
        { path: 'z', content: { kind: 'concatenate', pattern: 'etc/*.d/**' } },
      ],
      directories: [{ path: 'data', mode: 0o1777 }],
      symlinks: [
        { kind: 'one', path: 'bin/x', target: 'y' },
        { kind: 'each', folder: 'bin', namesFile: '/p/names.txt', target: 'busybox' },
      ],
      users: [{ name: 'redis', uid: 999, gid: 999 }],
      modes: [{ pattern: 'usr/bin/x', value: 0o4755 }],
      capabilities: [{ pattern: 'usr/bin/x', value: ['CAP_NET_RAW'] }],
      areas: ['contrib', 'non-free-firmware'],
      kernel: {
        modules: [
          { name: 'ext4' },
          { name: 'drivers/net/*' },
          { architectures: ['amd64'] },
          { name: 'm', architectures: ['amd64'] },
        ],
        sources: [{ name: '/p/m.c', architectures: ['amd64'] }],
        deviceTrees: ['b/*.dtb'],
      },
      command: ['a', 'b'],
      stopSignal: 'SIGQUIT',
    });
  });

  it('gives a definition of two lines its defaults', () => {
    const { definition } = parseDefinition(FILE, 'image: x\ndebian: {packages: [busybox]}\n');
    expect(definition).toMatchObject({
      organisation: 'orlop',
      tag: '{{.Hash}}',
      architectures: ['amd64', 'arm64', 'riscv64'],
      debian: { suite: 'trixie', layout: 'merged', only: [], users: [] },
    });
  });

  it('reads a component that Docker builds', () => {
    const text = `image: x
extra-sources: [../shared:lib/shared, ../one]
network: true
dockerfile: Dockerfile.small
buildArgs: [A=b, "BASE=@lkt:pkg:../base"]
`;
    expect(parseDefinition(FILE, text)).toMatchObject({
      problems: [],
      definition: {
        extraSources: ['/shared', '/one'],
        dockerfile: {
          name: 'Dockerfile.small',
          buildArguments: ['A=b', 'BASE=@lkt:pkg:../base'],
          network: true,
          context: [
            { from: '/shared', to: 'lib/shared' },
            { from: '/one', to: 'one' },
          ],
        },
      },
    });
    expect(parseDefinition(FILE, 'image: x\n').definition).toMatchObject({
      dockerfile: { name: 'Dockerfile', buildArguments: [], network: false, context: [] },
    });
  });

  it.each([
    ['buildArgs: [b]', '/p/build.yml:2:13: buildArgs[0] "b" is no build argument: KEY=VALUE'],
    [
      'buildArgs: ["%A=@lkt:pkgs:../*"]',
      '/p/build.yml:2:13: buildArgs[0] "%A=@lkt:pkgs:../*" is no build argument: KEY=VALUE',
    ],
    [
      'buildArgs: ["A=@lkt:x:y"]',
      '/p/build.yml:2:13: buildArgs[0] "A=@lkt:x:y": of the templates only @lkt:pkg:FOLDER is known',
    ],
    [
      'depends: {}',
      '/p/build.yml:2:10: depends: Orlop puts no images into a build context; use COPY --from in the Dockerfile',
    ],
  ])('refuses of a build by Docker %s', (line, problem) => {
    expect(problemsOf(`image: x\n${line}\n`)).toEqual([problem]);
  });

  const wrong: readonly (readonly [title: string, text: string, problems: readonly string[]])[] = [
    ['nothing', '', ['/p/build.yml:1:1: the document must be a mapping, not nothing']],
    ['a list', '- a\n', ['/p/build.yml:1:1: the document must be a mapping, not a list']],
    [
      'broken YAML',
      'image: [a\n',
      ['/p/build.yml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['a key twice', 'image: a\nimage: b\ndebian: {}\n', ['/p/build.yml:2:1: Map keys must be unique']],
    ['no image', 'debian: {}\n', ['/p/build.yml:1:1: image is missing']],
    [
      'a misspelt key',
      'image: x\ndebian:\n  package: [a]\n',
      ['/p/build.yml:3:3: unknown key debian.package, did you mean packages?'],
    ],
    ['a strange key', 'image: x\nzzz: 1\ndebian: {}\n', ['/p/build.yml:2:1: unknown key zzz']],
    [
      'an image in capitals',
      'image: Redis\ndebian: {}\n',
      ['/p/build.yml:1:8: image "Redis" is no repository name: lower-case letters, digits, . _ - and /'],
    ],
    [
      'a tag with a space',
      'image: x\ntag: "a b"\ndebian: {}\n',
      ['/p/build.yml:2:6: tag "a b" is no tag: letters, digits, _ . - and {{.Hash}}'],
    ],
    [
      'an unknown architecture',
      'image: x\narches: [amd64, mips]\ndebian: {}\n',
      ['/p/build.yml:2:17: arches[1] must be one of amd64, arm64, riscv64, not "mips"'],
    ],
    [
      'no architecture',
      'image: x\narches: []\ndebian: {}\n',
      ['/p/build.yml:2:9: arches must name at least one architecture'],
    ],
    [
      'a number for a switch',
      'image: x\nnetwork: 1\ndebian: {}\n',
      ['/p/build.yml:2:10: network must be true or false, not the number 1'],
    ],
    [
      'a name in config',
      'image: x\nconfig: {name: y}\ndebian: {}\n',
      ["/p/build.yml:2:16: config.name is the image YAML's to say"],
    ],
    [
      'a Dockerfile beside debian',
      'image: x\ndockerfile: D\ndebian: {}\n',
      ['/p/build.yml:2:13: dockerfile belongs to a build by Dockerfile, beside debian it has no meaning'],
    ],
    [
      'a package in capitals',
      'image: x\ndebian: {packages: [Busybox]}\n',
      [
        '/p/build.yml:2:21: debian.packages[0] "Busybox" must be a name, or a name with architectures: x [amd64 arm64]',
      ],
    ],
    [
      'a package for an unknown architecture',
      'image: x\ndebian: {packages: ["a1 [i386]"]}\n',
      [
        '/p/build.yml:2:21: debian.packages[0] names the architecture i386, which is none of amd64, arm64, riscv64',
      ],
    ],
    [
      'packages that are no list',
      'image: x\ndebian: {packages: busybox}\n',
      ['/p/build.yml:2:20: debian.packages must be a list, not "busybox"'],
    ],
    [
      'an absolute pattern',
      'image: x\ndebian: {drop: [/usr]}\n',
      [
        '/p/build.yml:2:17: debian.drop[0] "/usr" is no pattern: a relative path in which * ? and ** may stand',
      ],
    ],
    [
      'an unknown layout',
      'image: x\ndebian: {layout: flat}\n',
      ['/p/build.yml:2:18: debian.layout must be one of merged, split, not "flat"'],
    ],
    [
      'a mode without quotes',
      'image: x\ndebian:\n  files:\n    - {path: a, contents: b, mode: 0644}\n',
      ['/p/build.yml:4:36: debian.files[0].mode must be a string, not the number 644'],
    ],
    [
      'a mode that is not octal',
      'image: x\ndebian:\n  files:\n    - {path: a, contents: b, mode: "0999"}\n',
      ['/p/build.yml:4:36: debian.files[0].mode "0999" must be an octal mode in quotes, e.g. "0755"'],
    ],
    [
      'a file without content',
      'image: x\ndebian:\n  files:\n    - {path: a}\n',
      ['/p/build.yml:4:7: debian.files[0] must have one of contents, source and concatenate'],
    ],
    [
      'a file with two contents',
      'image: x\ndebian:\n  files:\n    - {path: a, contents: b, source: c}\n',
      ['/p/build.yml:4:7: debian.files[0] must have one of contents, source and concatenate'],
    ],
    [
      'a path that leaves the image',
      'image: x\ndebian:\n  files:\n    - {path: ../a, contents: b}\n',
      ['/p/build.yml:4:14: debian.files[0].path "../a" is no path in the image'],
    ],
    [
      'a link with both forms',
      'image: x\ndebian:\n  symlinks:\n    - {path: a, folder: b, target: c}\n',
      ['/p/build.yml:4:7: debian.symlinks[0] must have either path, or folder and names-file'],
    ],
    [
      'a user without a number',
      'image: x\ndebian:\n  users: [{name: a}]\n',
      ['/p/build.yml:3:11: debian.users[0].uid is missing'],
    ],
    [
      'a user with a negative number',
      'image: x\ndebian:\n  users: [{name: a, uid: -1}]\n',
      ['/p/build.yml:3:26: debian.users[0].uid must be a number from 0 to 4294967294, not the number -1'],
    ],
    [
      'an unknown capability',
      'image: x\ndebian:\n  capabilities: {usr/bin/x: [CAP_FLY]}\n',
      [
        expect.stringMatching(
          /^\/p\/build\.yml:3:30: debian\.capabilities\.usr\/bin\/x\[0\] must be one of CAP_CHOWN, /,
        ) as unknown as string,
      ],
    ],
    [
      'a relative working folder',
      'image: x\ndebian: {workdir: data}\n',
      ['/p/build.yml:2:19: debian.workdir "data" must be an absolute path'],
    ],
    [
      'an environment without a value',
      'image: x\ndebian: {env: [A]}\n',
      ['/p/build.yml:2:16: debian.env[0] "A" must be NAME=value'],
    ],
    [
      'nothing for a key',
      'image: x\ndebian:\n  packages:\n',
      ['/p/build.yml:3:12: debian.packages must be a list, not nothing'],
    ],
    [
      'a module that is no word',
      'image: x\ndebian: {kernel: {modules: ["a b"]}}\n',
      [
        '/p/build.yml:2:29: debian.kernel.modules[0] "a b" must be a name, or a name with architectures: x [amd64 arm64]',
      ],
    ],
    [
      'several things',
      'imag: x\norg: A\ndebian:\n  files: [{path: ""}]\n  suite: 7\n',
      [
        '/p/build.yml:1:1: unknown key imag, did you mean image?',
        '/p/build.yml:2:6: org "A" is no repository name: lower-case letters, digits, . _ - and /',
        '/p/build.yml:4:18: debian.files[0].path "" is no path in the image',
        '/p/build.yml:5:10: debian.suite must be a string, not the number 7',
        '/p/build.yml:1:1: image is missing',
      ],
    ],
  ];
  it.each(wrong)('says what is wrong with %s, and where', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });
});
