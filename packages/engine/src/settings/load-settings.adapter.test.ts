import { mkdir } from 'node:fs/promises';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { instancePaths, makeInstanceFolder } from '../instance/instance-paths.ts';
import { inspectSettings, loadSettings } from './load-settings.ts';

describe('inspectSettings', () => {
  it('tells of a file that cannot be read, with the settings of the others', async () => {
    const folder = await temporaryFolder();
    const home = folder.path;
    const paths = instancePaths({ home, cache: home, debian: home, machines: home, probes: home }, 'default');
    await makeInstanceFolder(paths);
    await mkdir(paths.instanceSettings); // what the user may not read fails alike, and root may read all
    const { settings, problems } = await inspectSettings(paths);
    expect(settings.number('cpus')).toBeGreaterThan(0);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/cannot be read: EISDIR/)]);
    await expect(loadSettings(paths)).rejects.toMatchObject({ code: 'engine.bad-setting', problems });
    await folder.remove();
  });
});
