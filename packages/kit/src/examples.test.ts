import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readSubstitutions, substitute } from './resolve/substitution.ts';
import { loadText } from './testing/load-text.ts';

const examples = join(dirname(fileURLToPath(import.meta.url)), '../../../examples');
const read = (name: string) => readFileSync(join(examples, name), 'utf8');
const names = readdirSync(examples).filter((name) => name.endsWith('.yml') && name !== 'substitutions.yml');

describe('examples', () => {
  it.each(names)('%s passes every check', async (name) => {
    const { yaml, warnings } = await loadText(read(name));
    expect(yaml.kernel?.image?.value).toMatch(/^orlop\//);
    expect(warnings).toEqual([]);
  });

  it('engine.yml ends dockerd, and all containers with it, for no slowness of its machine', async () => {
    const { yaml } = await loadText(read('engine.yml'));
    const docker = yaml.services?.find(({ name }) => name.value === 'docker');
    const { timeoutMs, retries } = docker?.health ?? { timeoutMs: 0, retries: 0 };
    expect(timeoutMs * retries).toBeGreaterThan(24 * 3_600_000);
  });

  it('linuxkit/redis-os.yml is the one that was handed down, byte for byte', () => {
    expect(createHash('sha256').update(read('linuxkit/redis-os.yml')).digest('hex')).toBe(
      'a2f5d64508950ecc977711652bb84e2f0acb2b2ba66f5b307513c77241dfab3c',
    );
  });

  it('substitutions.yml has an image of Orlop for each of its images', async () => {
    const { yaml } = await loadText(read('linuxkit/redis-os.yml'));
    const rules = readSubstitutions(read('substitutions.yml'), 'substitutions.yml');
    const references = [
      yaml.kernel?.image,
      ...(yaml.init ?? []),
      ...(yaml.onboot ?? []),
      ...(yaml.services ?? []),
    ].map((one) => (one === undefined ? '' : 'image' in one ? one.image.value : one.value));
    expect(references.map((reference) => substitute(reference, rules))).toEqual(
      ['kernel', 'init', 'crun', 'containerd', 'dhcpcd', 'getty', 'redis'].map(
        (name) => `orlop/${name}:latest`,
      ),
    );
  });
});
