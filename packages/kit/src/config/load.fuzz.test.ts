/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of image descriptions */
import { OrlopError } from '@orlop/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { mergeImageConfig } from '../spec/container-config.ts';
import { goJson } from '../spec/go-json.ts';
import { ociSpec } from '../spec/oci-spec.ts';
import { runtimeConfig } from '../spec/runtime-config.ts';
import { loadText } from '../testing/load-text.ts';
import { printYaml } from './print.ts';

const KEYS =
  'kernel init onboot onshutdown services files volumes trust include variables name image capabilities ambient mounts binds binds.add tmpfs devices command env cwd net pid uid gid additionalGids resources memory cpu limit rlimits runtime bindNS interfaces restart dependsOn health onFailure path contents source mode symlink directory metadata readonly format platforms type destination options <<'.split(
    ' ',
  );
const WORDS = [
  'a',
  'x/y:1',
  '/a:/b:ro',
  'v:/v',
  'CAP_CHOWN',
  'all',
  'nofile,1,2',
  '0644',
  '${A:-b}',
  '@pkg:x',
  '*a',
  '&a',
  'always',
  '10s',
  '',
];

const leaf = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie('tree'), { maxKeys: 5 }),
  ),
}));
/** Descriptions that are nearly right, so that the later checks are reached. */
const nearly = fc.record(
  {
    init: fc.array(fc.constantFrom('a', 'b:1', 'C'), { maxLength: 2 }),
    services: fc.array(
      fc.record(
        {
          name: fc.constantFrom('a', 'b', 'c'),
          image: fc.constantFrom('x', 'y:2'),
          binds: fc.array(fc.constantFrom('/a:/b', 'v:/v', 'v:/v:ro', '/x'), { maxLength: 2 }),
          capabilities: fc.array(fc.constantFrom('CAP_CHOWN', 'all', 'none'), { maxLength: 2 }),
          dependsOn: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }),
          uid: fc.oneof(fc.integer(), fc.constantFrom('a', 'root')),
          resources: tree,
          runtime: tree,
        },
        { requiredKeys: ['name', 'image'] },
      ),
      { maxLength: 3 },
    ),
    volumes: fc.array(fc.record({ name: fc.constantFrom('v', 'w'), readonly: fc.boolean() }), {
      maxLength: 2,
    }),
    files: fc.array(tree, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

/** Loads a text and, if it is right, goes on to containers; anything but an OrlopError is a failure. */
async function accepts(text: string): Promise<boolean> {
  try {
    const { yaml, plain } = await loadText(text);
    expect(typeof printYaml(plain)).toBe('string');
    for (const service of yaml.services ?? []) {
      const config = mergeImageConfig(service, {}, {});
      const spec = goJson(ociSpec(config, { ids: new Map(), volumePath: (name) => `/v/${name}` }));
      expect(spec.startsWith('{\n    "ociVersion": "1.2.1"')).toBe(true);
      expect(goJson(runtimeConfig(config.runtime ?? {}, []))).toContain('"bindNS"');
    }
    return true;
  } catch (error) {
    if (!(error instanceof OrlopError)) throw error;
    for (const { position } of error.problems) expect(position?.line).toBeGreaterThan(0);
    return false;
  }
}

describe('loadImageYaml', () => {
  it('takes or refuses any text with an OrlopError', async () => {
    const mixed = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            ...KEYS,
            ...WORDS,
            ':',
            '- ',
            '\n',
            '  ',
            '[',
            ']',
            '{',
            '}',
            '|',
            '"',
            "'",
            '#',
            '---',
            '\t',
          ),
          fc.string({ maxLength: 5 }),
        ),
        { maxLength: 60 },
      )
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(mixed, async (text) => {
        await accepts(text);
      }),
      { numRuns: 600 },
    );
  });

  it('takes or refuses any tree of values with an OrlopError', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        await accepts(stringify(value));
      }),
      { numRuns: 300 },
    );
  });

  it('takes or refuses nearly right descriptions with an OrlopError, and takes some', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(nearly, async (value) => {
        if (await accepts(stringify(value))) taken++;
      }),
      { numRuns: 400 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
