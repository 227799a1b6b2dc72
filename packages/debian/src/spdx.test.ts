import { describe, expect, it } from 'vitest';
import { packageUrl, spdxDocument } from './spdx.ts';

const entry = {
  ...{ name: 'libstdc++6', version: '1:14.2.0-19+b1', architecture: 'amd64', sizeBytes: 1, sha256: 'ab' },
  ...{ sourceName: 'gcc-14', sourceVersion: '14.2.0-19', maintainer: 'Debian GCC <gcc@example>' },
};

describe('spdxDocument', () => {
  it('lists each package with its version, checksum, source and package URL, the same every time', () => {
    const request = {
      ...{ reference: 'docker.io/orlop/x:1', suite: 'trixie', architecture: 'amd64' },
      ...{ imageDigest: 'sha256:00', packages: [entry] },
    };
    const document = spdxDocument(request);
    expect(document).toEqual(spdxDocument(request));
    expect(document).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      creationInfo: { created: '1970-01-01T00:00:00Z' },
      packages: [
        { SPDXID: 'SPDXRef-Image', name: 'docker.io/orlop/x' },
        {
          SPDXID: 'SPDXRef-Package-libstdc--6-1-14.2.0-19-b1-amd64',
          name: 'libstdc++6',
          versionInfo: '1:14.2.0-19+b1',
          supplier: 'Organization: Debian GCC',
          checksums: [{ algorithm: 'SHA256', checksumValue: 'ab' }],
          sourceInfo: 'built from the Debian source package gcc-14 14.2.0-19',
        },
      ],
      relationships: [
        { relatedSpdxElement: 'SPDXRef-Image' },
        {
          relationshipType: 'CONTAINS',
          relatedSpdxElement: 'SPDXRef-Package-libstdc--6-1-14.2.0-19-b1-amd64',
        },
      ],
    });
    expect(spdxDocument({ ...request, imageDigest: 'sha256:01' })['documentNamespace']).not.toBe(
      document['documentNamespace'],
    );
  });
});

describe('packageUrl', () => {
  it('encodes what a package URL may not hold', () => {
    expect(packageUrl(entry, 'trixie')).toBe(
      'pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1?arch=amd64&distro=trixie',
    );
  });
});
