import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStore } from '@orlop/oci';
import { type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isByDockerfile } from '../definition/definition.ts';
import { loadComponent } from '../definition/load-component.ts';
import { buildDockerfile } from './build-dockerfile.ts';

const hasDocker = (() => {
  try {
    return execFileSync('docker', ['--version'], { stdio: 'pipe' }).length > 0;
  } catch {
    return false;
  }
})();

/** The build itself is judged by a real engine: test/engine. */
describe('buildDockerfile', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('dockerfile');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await folder.remove();
  });

  async function build(files: Readonly<Record<string, string>>) {
    const path = join(folder.path, 'hello');
    await mkdir(path, { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
    const definition = await loadComponent(path);
    if (!isByDockerfile(definition)) throw new Error('not by Dockerfile');
    return buildDockerfile({
      definition,
      platform: { os: 'linux', architecture: 'amd64' },
      store: await ImageStore.open(join(folder.path, 'store')),
      stateFolder: join(folder.path, 'state'),
      progress: () => {},
    });
  }

  it('says that there is no Docker client', async () => {
    // What every build takes its turn by, and nothing else.
    for (const program of ['flock', 'cat'])
      await symlink(
        execFileSync('sh', ['-c', `command -v ${program}`])
          .toString()
          .trim(),
        join(folder.path, program),
      );
    vi.stubEnv('PATH', folder.path);
    await expect(
      build({ 'build.yml': 'image: hello\n', Dockerfile: 'FROM scratch\n' }),
    ).rejects.toMatchObject({
      code: 'debian.docker-missing',
      message: 'orlop/hello is built by Docker, and the program docker is not in PATH',
      hint: expect.stringContaining('docker-cli'),
    });
  });

  it.skipIf(!hasDocker)('says in which context no engine answers', async () => {
    vi.stubEnv('DOCKER_HOST', `unix://${folder.path}/nosuch.sock`);
    await expect(
      build({ 'build.yml': 'image: hello\n', Dockerfile: 'FROM scratch\n' }),
    ).rejects.toMatchObject({
      code: 'debian.docker-missing',
      message: expect.stringMatching(/no engine answers in the context "default": .*nosuch\.sock/),
      hint: expect.stringContaining('orlop up'),
    });
  });
});
