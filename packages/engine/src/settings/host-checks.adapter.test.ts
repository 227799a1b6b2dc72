import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { instancePaths, makeInstanceFolder } from '../instance/instance-paths.ts';
import { changeSetting, checkChange, loadSettings } from './load-settings.ts';
import type { SettingName } from './schema.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A home with a folder, an authority, and an engine whose data disk has 2 GiB. */
async function setup() {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  const at = (name: string) => join(folder.path, name);
  const home = {
    ...{ home: folder.path, machines: at('machines'), probes: at('probes') },
    ...{ cache: at('cache'), debian: at('debian') },
  };
  const paths = instancePaths(home, 'default');
  await makeInstanceFolder(paths);
  await mkdir(at('shared'));
  await writeFile(at('ca.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  await writeFile(at('not.pem'), 'no certificate');
  await writeFile(paths.dataDisk, '');
  await truncate(paths.dataDisk, 2 * 2 ** 30);
  const check = (name: SettingName, value: unknown, scope: 'user' | 'instance' = 'instance') =>
    checkChange(paths, { name, value, scope });
  return { at, paths, check };
}

describe('checkChange', () => {
  it('takes what the host has', async () => {
    const { at, check } = await setup();
    expect(await check('shares', [`${at('shared')}:ro`])).toEqual([`${at('shared')}:ro`]);
    expect(await check('certificates', [at('ca.pem')])).toEqual([at('ca.pem')]);
    expect(await check('image', at('ca.pem'))).toBe(at('ca.pem'));
    expect(await check('image', '')).toBe('');
    expect(await check('disk', '3GiB')).toBe(3 * 2 ** 30);
    expect(await check('network.subnet', '10.1.0.0/16')).toBe('10.1.0.0/16');
    expect(await check('network.dns', ['192.0.2.53#5353', '2001:db8::53'])).toHaveLength(2);
  });

  it('says what it has not, when it is set', async () => {
    const { at, check } = await setup();
    await expect(check('shares', [at('nothing')])).rejects.toThrow(/there is no folder .*nothing/);
    await expect(check('shares', [at('ca.pem')])).rejects.toThrow(/there is no folder .*ca\.pem/);
    for (const own of ['/usr:ro', '/etc/ssl', '/var', '/srv/../usr', '//usr/'])
      await expect(check('shares', [own]), own).rejects.toThrow(/would hide the engine's own files/);
    await expect(check('shares', [at('shared'), `${at('shared')}/:ro`])).rejects.toThrow(/twice/);
    await mkdir(at('tab\tname'));
    await expect(check('shares', [at('tab\tname')])).rejects.toThrow(/a tab in its name/);
    await expect(check('certificates', [at('nothing')])).rejects.toThrow(/cannot be read/);
    await expect(check('certificates', [at('not.pem')])).rejects.toThrow(/has none in PEM form/);
    await expect(check('image', at('nothing'))).rejects.toThrow(/there is no file .*nothing/);
    await expect(check('network.dns', ['abc'])).rejects.toMatchObject({
      code: 'vnet.config-invalid',
      problems: [{ message: 'dns "abc" is no IP address' }],
    });
  });

  it('refuses to shrink the disk of an engine that has one, and of all of them nobody knows', async () => {
    const { check } = await setup();
    await expect(check('disk', '1GiB')).rejects.toMatchObject({ code: 'engine.disk-shrink' });
    expect(await check('disk', '1GiB', 'user')).toBe(2 ** 30);
  });

  it('changes nothing when it refuses', async () => {
    const { at, paths } = await setup();
    const change = { name: 'shares', value: [at('nothing')], scope: 'instance' } as const;
    await expect(changeSetting(paths, change)).rejects.toMatchObject({ code: 'engine.bad-setting' });
    expect((await loadSettings(paths)).texts('shares')).toEqual([]);
  });
});
