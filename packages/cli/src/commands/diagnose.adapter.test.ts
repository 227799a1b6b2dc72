import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

const run = promisify(execFile);

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A home whose files hold secrets wherever one may get to; each secret has `hunter` in it. */
async function homeWithSecrets(): Promise<string> {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  const key = (name: string) =>
    `-----BEGIN ${name}PRIVATE KEY-----\n${'hunterkey\n'.repeat(20)}-----END ${name}PRIVATE KEY-----\n`;
  const files = {
    'config.yml': [
      'proxy.http: http://me:hunter2@proxy.example:3128',
      'docker.mirrors: ["https://user:hunter3@mirror.example"]',
      'docker.daemon: {log-opts: {splunk-token: hunter4}}',
    ].join('\n'),
    'engine/default/config.yml': 'proxy.https: http://me:hunter5@proxy.example:3128\n',
    'engine/default/guest.json': JSON.stringify({ agent: { token: 'hunter6' }, tls: { key: key('EC ') } }),
    'daemon/log': [
      // The bundle has the last million characters: the cut goes through a key.
      `${key('EC ')}${'x'.repeat(999_900)}`,
      'Authorization: Bearer hunter7',
      'pull failed: X-Registry-Auth: hunter8',
      'asking https://me:hunter9@registry.example/v2/?token=hunter10',
    ].join('\n'),
    'machines/engine-default/console.log': `${key('')}login with password=hunter11\n`,
    'machines/engine-default/driver.log': '{"auths":{"r.example":{"auth":"hunter12"}}}\n',
    'machines/engine-default/spec.json': JSON.stringify({ environment: { DB_PASSWORD: 'hunter13' } }),
    'docker/config.json': JSON.stringify({ auths: { 'r.example': { auth: 'hunter14' } } }),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return folder.path;
}

describe('orlop diagnose', () => {
  it('packs an archive for its user alone, with no secret of those that its sources hold', {
    timeout: 60_000,
  }, async () => {
    const folder = await homeWithSecrets();
    process.env['HTTPS_PROXY_OF_TEST'] = 'http://me:hunter15@proxy.example';
    await orlopIn(folder, ['diagnose', '-o', 'bundle.tar.gz']);
    delete process.env['HTTPS_PROXY_OF_TEST'];
    expect((await stat(join(folder, 'bundle.tar.gz'))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
    const unpacked = join(folder, 'unpacked');
    await mkdir(unpacked);
    await run('tar', ['-xzf', join(folder, 'bundle.tar.gz'), '-C', unpacked]);
    const names = await readdir(unpacked);
    expect(names).toEqual(expect.arrayContaining(['config-user.yml', 'daemon.log', 'doctor.json']));
    const texts = await Promise.all(names.map((name) => readFile(join(unpacked, name), 'utf8')));
    for (const [index, text] of texts.entries()) expect(text, names[index]).not.toContain('hunter');
    // What they say beside is there.
    const all = texts.join('');
    for (const word of ['proxy.example:3128', 'mirror.example', 'pull failed', 'login with']) {
      expect(all).toContain(word);
    }
  });

  it('says so of an engine that there is not', async () => {
    const folder = await homeWithSecrets();
    const words = ['diagnose', '--json', 'nosuch'];
    await expect(orlopIn(folder, words)).rejects.toMatchObject({ code: 'engine.unknown' });
  });
});
