import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { orlopIn } from '../testing/command-under-test.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('orlop context', () => {
  it.each(['use', 'env', 'link'])('has no %s for an engine that there is not', async (word) => {
    const folder = await temporaryFolder();
    closers.push(() => folder.remove());
    await expect(orlopIn(folder.path, ['context', word, 'nosuch'])).rejects.toMatchObject({
      code: 'engine.unknown',
      hint: 'orlop status lists them',
    });
  });

  it('prints the socket of the default engine before it was ever started', async () => {
    const folder = await temporaryFolder();
    closers.push(() => folder.remove());
    expect(await orlopIn(folder.path, ['context', 'env'])).toMatch(
      /^export DOCKER_HOST=unix:\/\/.*\/engine\/default\/docker\.sock\n$/,
    );
  });

  it('prints a line that a shell reads as the socket, whatever its folder is called', async () => {
    const folder = await temporaryFolder();
    closers.push(() => folder.remove());
    const home = join(folder.path, "it's a größe");
    const line = await orlopIn(home, ['context', 'env']);
    const said = execFileSync('sh', ['-c', `${line}\nprintf %s "$DOCKER_HOST"`]);
    expect(said.toString()).toBe(`unix://${home}/engine/default/docker.sock`);
  });
});
