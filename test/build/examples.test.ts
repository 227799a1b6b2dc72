import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workshop } from '../harness/orlop.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const names = readdirSync(examples)
  .filter((name) => name.endsWith('.yml') && name !== 'substitutions.yml')
  .map((name) => basename(name, '.yml'));

interface Report {
  readonly outputs: readonly { readonly path: string; readonly sizeBytes: number }[];
}

describe('orlop build', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
  });
  afterAll(() => workshop?.close());

  const build = async (words: readonly string[], folder = workshop.folder): Promise<Report> =>
    JSON.parse(await workshop.orlop(['build', '--json', '--dir', folder, ...words]));

  it.each(names)('builds the example %s', async (name) => {
    const { outputs } = await build([join(examples, `${name}.yml`)]);
    expect(outputs.map(({ path }) => basename(path))).toEqual([
      `${name}-kernel`,
      `${name}-initrd.img`,
      `${name}-cmdline`,
    ]);
    for (const { sizeBytes } of outputs) expect(sizeBytes).toBeGreaterThan(10);
  });

  it("builds LinuxKit's redis-os unmodified, with an initrd under 60 MB", async () => {
    const { outputs } = await build([
      '--substitutions',
      join(examples, 'substitutions.yml'),
      join(examples, 'linuxkit/redis-os.yml'),
    ]);
    expect(outputs[1]?.sizeBytes).toBeLessThan(60_000_000);
  });

  it('ends in silence, as what is done, when nobody reads its output any more', async () => {
    const script = 'set -o pipefail; "$0" build --quiet --o - "$1" | head -c 9';
    const words = ['-c', script, join(examples, '../orlop'), join(examples, 'minimal.yml')];
    const { stdout, stderr } = await promisify(execFile)('bash', words);
    expect([stdout.length, stderr]).toEqual([9, '']);
  });

  it('writes the same bytes twice', async () => {
    const digests = async (folder: string) => {
      const { outputs } = await build(['-f', 'tar,kernel+initrd', join(examples, 'minimal.yml')], folder);
      return await Promise.all(
        outputs.map(async ({ path }) =>
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        ),
      );
    };
    expect(await digests(join(workshop.folder, 'b'))).toEqual(await digests(join(workshop.folder, 'a')));
  });
});
