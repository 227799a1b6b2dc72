import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { removeContext, selectContext, writeContext } from './docker-context.ts';

const run = promisify(execFile);
const hasDocker = await run('docker', ['--version']).then(
  () => true,
  () => false,
);

describe('writeContext', () => {
  it.skipIf(!hasDocker)('is read by the Docker client (skipped where there is none)', async () => {
    const folder = await temporaryFolder();
    const target = { name: 'orlop', socket: join(folder.path, 'docker.sock') };
    await writeContext({ folder: folder.path }, target);
    await selectContext({ folder: folder.path }, 'orlop');
    const env = { PATH: process.env['PATH'], DOCKER_CONFIG: folder.path };
    const { stdout } = await run('docker', ['context', 'inspect', 'orlop'], { env });
    expect(JSON.parse(stdout)[0].Endpoints.docker.Host).toBe(`unix://${target.socket}`);
    expect((await run('docker', ['context', 'show'], { env })).stdout.trim()).toBe('orlop');
    await folder.remove();
  });

  it('leaves one of that name alone while its socket is there, and takes the place of one that is dead', async () => {
    const folder = await temporaryFolder();
    const config = { folder: folder.path };
    const other = join(folder.path, 'other.sock');
    await writeFile(other, '');
    await writeContext(config, { name: 'orlop', socket: other });
    const mine = { name: 'orlop', socket: join(folder.path, 'mine.sock') };
    expect(await writeContext(config, mine)).toEqual({ kind: 'taken', host: `unix://${other}` });
    expect(await removeContext(config, mine)).toBe(false);
    await promisify(execFile)('rm', [other]);
    expect(await writeContext(config, mine)).toEqual({ kind: 'written' });
    expect(await writeContext(config, mine)).toEqual({ kind: 'unchanged' });
    await folder.remove();
  });
});

describe('selectContext', () => {
  it('keeps everything else of the configuration, and is undone with the context', async () => {
    const folder = await temporaryFolder();
    const config = { folder: folder.path };
    const path = join(folder.path, 'config.json');
    await writeFile(path, '{"auths":{"example.org":{}}}');
    const target = { name: 'orlop', socket: '/nowhere/docker.sock' };
    await writeContext(config, target);
    await selectContext(config, 'orlop');
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ currentContext: 'orlop' });
    await removeContext(config, target);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ auths: { 'example.org': {} } });
    await folder.remove();
  });

  it('leaves a configuration that is damaged as it is, and says so', async () => {
    const folder = await temporaryFolder();
    const path = join(folder.path, 'config.json');
    await writeFile(path, '{"auths":');
    await expect(selectContext({ folder: folder.path }, 'orlop')).rejects.toMatchObject({
      code: 'engine.bad-client-config',
      message: `${path}, the Docker client's configuration, is no JSON`,
    });
    expect(await readFile(path, 'utf8')).toBe('{"auths":');
    await folder.remove();
  });
});
