import { describe, expect, it } from 'vitest';
import { checkPackage, findRings } from './check-imports.mjs';

const check = (name, text, path = `packages/${name}/src/a.ts`) => checkPackage(name, [{ path, text }]);

describe('checkPackage', () => {
  it('refuses an import that goes upward', () => {
    expect(check('wire', "import { x } from '@orlop/vnet';")).toEqual([
      'packages/wire/src/a.ts: "wire" may not import "vnet"',
    ]);
  });
  it('refuses Node in a pure package, outside tests only', () => {
    expect(check('disk', "import { open } from 'node:fs';")).toHaveLength(1);
    expect(check('disk', "import { open } from 'node:fs';", 'packages/disk/src/a.test.ts')).toEqual([]);
  });
  it('refuses testkit outside tests', () => {
    expect(check('oci', "import { x } from '@orlop/testkit';")).toHaveLength(1);
  });
  it('refuses a relative import that leaves the package', () => {
    expect(check('oci', "import { x } from '../../core/src/index.ts';")).toHaveLength(1);
  });
  it('accepts what the table allows', () => {
    expect(check('oci', "import { x } from '@orlop/archive';\nimport fs from 'node:fs';")).toEqual([]);
  });
});

describe('findRings', () => {
  it('finds a ring and names its members', () => {
    expect(
      findRings(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['a']],
        ]),
      ),
    ).toEqual([['a', 'b', 'c', 'a']]);
  });
});
