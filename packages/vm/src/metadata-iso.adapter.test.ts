import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeMetadataIso } from './metadata-iso.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder('iso');
});
afterAll(() => folder.remove());

describe('encodeMetadataIso', () => {
  it.each([0, 1, 2048, 5000])('makes a CD-ROM of %s bytes that isoinfo and xorriso read', (size) => {
    const content = Buffer.alloc(size, 'metadata ');
    const path = join(folder.path, `${size}.iso`);
    writeFileSync(path, encodeMetadataIso(content));
    expect(execFileSync('isoinfo', ['-i', path, '-x', '/CONFIG.;1'])).toEqual(content);
    const listed = execFileSync('xorriso', ['-indev', path, '-lsl', '/'], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(listed).toMatch(/'config'|'CONFIG'/);
  });

  it('gives the same bytes for the same data', () => {
    const data = Buffer.from('a');
    expect(encodeMetadataIso(data)).toEqual(encodeMetadataIso(data));
  });
});
