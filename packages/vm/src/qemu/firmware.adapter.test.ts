import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { templateOf } from './firmware.ts';

describe('templateOf', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('firmware');
  });
  afterEach(() => folder.remove());

  it('takes the variables beside the code, else those of its description, and none for firmware of one file', async () => {
    const at = (name: string) => join(folder.path, name);
    for (const name of ['CODE.fd', 'VARS.fd', 'CODE.secboot.fd', 'whole.fd', 'CODE.alone.fd'])
      await writeFile(at(name), name);
    await mkdir(at('descriptions'));
    const describe = (name: string, text: string) => writeFile(join(at('descriptions'), name), text);
    await describe('10-broken.json', '{');
    await describe('20-empty.json', 'null');
    const mapping = (executable: string, template: string) =>
      JSON.stringify({
        mapping: { executable: { filename: at(executable) }, 'nvram-template': { filename: at(template) } },
      });
    await describe('30-gone.json', mapping('CODE.secboot.fd', 'gone.fd'));
    await describe('40-secure.json', mapping('CODE.secboot.fd', 'VARS.fd'));
    const found = (name: string) => templateOf(at(name), [at('descriptions')]);
    expect(await found('CODE.fd')).toBe(at('VARS.fd'));
    expect(await found('CODE.secboot.fd')).toBe(at('VARS.fd'));
    expect(await found('whole.fd')).toBeUndefined();
    expect(await found('CODE.alone.fd')).toBeUndefined();
  });
});
