import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MachineFolder } from './machine-folder.ts';

describe('MachineFolder', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('machine-folder');
  });
  afterEach(() => folder.remove());

  it.each([
    ['nothing, as a power cut leaves it', ''],
    ['what is no object', 'null'],
    ['what is no state', '{}'],
    ['the state of another Orlop', '{"kind":"hibernating","at":"2030-01-01T00:00:00Z"}'],
  ])('says which file holds %s, and what to do', async (_, text) => {
    const path = join(folder.path, 'state.json');
    await writeFile(path, text);
    await expect(new MachineFolder(folder.path).readState()).rejects.toMatchObject({
      code: 'vm.bad-state',
      message: `"${path}" is damaged`,
      hint: expect.stringContaining('orlop rm'),
    });
  });

  it.each(['{}', '{"name":"web","arch":"amd64","cpus":1,"memoryMiB":64,"boot":null}', '[]'])(
    'says that a description of a machine is damaged which lacks what every machine has: %s',
    async (text) => {
      const path = join(folder.path, 'spec.json');
      await writeFile(path, text);
      await expect(new MachineFolder(folder.path).readSpec()).rejects.toMatchObject({
        code: 'vm.bad-state',
        message: `"${path}" is damaged`,
      });
    },
  );

  it('has no state where there is no file', async () => {
    expect(await new MachineFolder(folder.path).readState()).toBe(undefined);
  });
});
