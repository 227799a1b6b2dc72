import { describe, expect, it } from 'vitest';
import { parseControl } from './control.ts';
import {
  debianSources,
  formatSources,
  mirrorSources,
  parseDeb822Sources,
  parseListSources,
  withoutFixes,
} from './machine-sources.ts';
import { formatInstalled, packageFileName, parsePackage, parseUris } from './packages.ts';
import { formatAptConfiguration, readAcquireSettings } from './settings.ts';

const DEB822 = `Types: deb deb-src
# a comment between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://node.example/node_20.x
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/node.gpg
`;

describe('debianSources', () => {
  it("takes Debian's archive out of deb822 files, for another release, without third parties", () => {
    expect(debianSources(parseDeb822Sources(DEB822), 'trixie')).toEqual([
      { uris: ['http://mirror.example/debian'], suites: ['trixie', 'trixie-updates'], components: ['main'] },
      { uris: ['http://mirror.example/security'], suites: ['trixie-security'], components: ['main'] },
    ]);
  });

  it("reads fields by names in any case, and every word of apt's for no", () => {
    const entry = (enabled: string, host: string) =>
      `types: deb\nENABLED: ${enabled}\nuris: http://${host}/debian\nSuites: bookworm\ncomponents: main\n\n`;
    const off = ['no', 'False', '0', 'off', 'without', 'disable'].map((word) =>
      entry(word, `${word}.example`),
    );
    const read = parseDeb822Sources(`${off.join('')}${entry('yes', 'on.example')}`);
    expect(read.flatMap(({ uris }) => uris)).toEqual(['http://on.example/debian']);
  });

  it('takes it out of one-line files, with options, old names and doubles', () => {
    const list = `deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] mirror+file:/etc/apt/m stable main # all
deb-src http://mirror.example/debian stable main
deb mirror+file:/etc/apt/m bullseye main
deb http://security.example/ buster/updates main
deb [signed-by=/k/docker.gpg] https://docker.example/debian bookworm main
deb cdrom:[Debian] bookworm main
`;
    expect(debianSources(parseListSources(list), 'trixie')).toEqual([
      { uris: ['mirror+file:/etc/apt/m'], suites: ['trixie'], components: ['main'] },
      { uris: ['http://security.example/'], suites: ['trixie-security'], components: ['main'] },
    ]);
  });

  it('leaves out what was fixed since the release when told to', () => {
    expect(withoutFixes(debianSources(parseDeb822Sources(DEB822), 'trixie'))).toEqual([
      { uris: ['http://mirror.example/debian'], suites: ['trixie'], components: ['main'] },
    ]);
  });

  it('finds nothing on a machine of another distribution', () => {
    expect(debianSources(parseListSources('deb http://u.example/ubuntu noble main\n'), 'trixie')).toEqual([]);
  });
});

describe('formatSources', () => {
  it('has everything signed by the one keyring', () => {
    expect(formatSources(mirrorSources('trixie', 'http://m.example/d', 'http://s.example/d'), '/k.gpg')).toBe(
      `Types: deb
URIs: http://m.example/d
Suites: trixie trixie-updates
Components: main
Signed-By: /k.gpg

Types: deb
URIs: http://s.example/d
Suites: trixie-security
Components: main
Signed-By: /k.gpg

`,
    );
  });
});

describe('formatAptConfiguration', () => {
  it('takes over how the machine reaches the network, and nothing that weakens signatures', () => {
    const acquire = readAcquireSettings(
      `Acquire "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::AllowInsecureRepositories "1";
Acquire::Languages:: "de";
Acquire::Check-Valid-Until "false";
APT::Update::Post-Invoke:: "rm -rf /";
`,
    );
    expect(acquire).toEqual([
      'Acquire::http::Proxy "http://proxy.example:3128";',
      'Acquire::Check-Valid-Until "false";',
    ]);
    const text = formatAptConfiguration({
      folder: '/f',
      architecture: 'arm64',
      status: '/f/status',
      acquire,
    });
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Dir "/f/";',
        'APT::Architecture "arm64";',
        'Acquire::AllowInsecureRepositories "false";',
      ]),
    );
  });
});

describe('parsePackage', () => {
  it('reads a paragraph of an index, and the source that the package was built from', () => {
    const [fields] = parseControl(`Package: busybox
Source: busybox-src (1:1.37.0-6)
Version: 1:1.37.0-6+b9
Maintainer: Debian <d@example>
Architecture: amd64
Depends: libc6 (>= 2.38)
Description: Tiny utilities
 more of it
Size: 484988
SHA256: b88c
`);
    const entry = fields && parsePackage(fields);
    expect(entry).toEqual({
      name: 'busybox',
      version: '1:1.37.0-6+b9',
      architecture: 'amd64',
      sizeBytes: 484988,
      sha256: 'b88c',
      sourceName: 'busybox-src',
      sourceVersion: '1:1.37.0-6',
      maintainer: 'Debian <d@example>',
    });
    expect(entry && packageFileName(entry)).toBe('busybox_1%3a1.37.0-6+b9_amd64.deb');
    expect(fields && formatInstalled(fields)).toBe(`Package: busybox
Version: 1:1.37.0-6+b9
Architecture: amd64
Maintainer: Debian <d@example>
Status: install ok installed
Description: left out of the image

`);
  });
});

describe('parseUris', () => {
  it('reads names and versions, decoded', () => {
    expect(
      parseUris(`'http://m/pool/g/libattr1_2.5.2-3_amd64.deb' libattr1_1%3a2.5.2-3_amd64.deb 22876 MD5Sum:00
Reading package lists...
'http://m/pool/l/gcc-14-base_14.2.0-19_amd64.deb' gcc-14-base_14.2.0-19_amd64.deb 49432 SHA256:00`),
    ).toEqual([
      { name: 'libattr1', version: '1:2.5.2-3' },
      { name: 'gcc-14-base', version: '14.2.0-19' },
    ]);
  });
});
