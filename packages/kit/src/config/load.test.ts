/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of image descriptions */
import { describe, expect, it } from 'vitest';
import { loadText, problemsOf, textSources } from '../testing/load-text.ts';
import { loadImageYaml } from './load.ts';
import { printYaml } from './print.ts';

const init = async (...parameters: Parameters<typeof loadText>) =>
  (await loadText(...parameters)).yaml.init?.map(({ value }) => value);

describe('loadImageYaml: variables', () => {
  it('leaves what nobody declared as it is, byte for byte', async () => {
    const script = '#!/bin/sh\necho ${HOME:-/root} $$ ${x} $${y}\n';
    const { yaml } = await loadText(`files:\n  - path: a\n    contents: ${JSON.stringify(script)}\n`);
    expect(yaml.files?.[0]?.value.contents).toBe(script);
  });

  it('replaces declared ones: given, else the default of the use, else that of the block', async () => {
    const text = 'variables: {A: 1, B: 2, C: }\ninit: ["a:${A}", "b:${B:-5}", "c:${C:-7}", "d:${D:-8}"]\n';
    const given = { set: { B: '6', D: '9' } };
    expect(await init(text, given)).toEqual(['a:1', 'b:6', 'c:7', 'd:9']);
  });

  it('types an unquoted value by its new text', async () => {
    const text = 'variables: {RO: true}\nservices:\n  - {name: a, image: x, readonly: "${RO}"}\n';
    expect(await problemsOf(text)).toEqual([
      'a.yml:3:35: services[0].readonly: expected true or false, got the string "true"',
    ]);
    const plain = 'variables: {RO: true}\nservices:\n  - name: a\n    image: x\n    readonly: ${RO}\n';
    expect((await loadText(plain)).yaml.services?.[0]?.readonly).toBe(true);
  });

  it('keeps an escaped use', async () => {
    const text = 'variables: {A: 1}\nfiles: [{path: a, contents: "$${A} ${A}"}]\n';
    expect((await loadText(text)).yaml.files?.[0]?.value.contents).toBe('${A} 1');
  });

  it('refuses a given one that no file uses', async () => {
    expect(await problemsOf('init: [a]', { set: { VERSIOM: '1' } })).toEqual([
      'no file uses the variable VERSIOM',
    ]);
  });
});

describe('loadImageYaml: includes and merging', () => {
  it('puts what is included before, once, whoever includes it', async () => {
    const files = { 'b.yml': 'include: [c.yml]\ninit: [b]\n', 'c.yml': 'init: [c]\n' };
    expect(await init('include: [b.yml, c.yml]\ninit: [a]\n', { files })).toEqual(['c', 'b', 'a']);
  });

  it('ends where each file includes another without end, as a server can make them', async () => {
    const text = (n: number) => (n < 3000 ? `include: ["${n + 1}.yml"]\n` : 'init: [a]\n');
    const files = Object.fromEntries(Array.from({ length: 3001 }, (_, n) => [`${n}.yml`, text(n)]));
    expect(await problemsOf('include: ["0.yml"]\n', { files })).toEqual([
      '999.yml:1:11: include[0]: more than 1000 files are included',
    ]);
  });

  it('merges files: kernel fields override unless empty, lists append, the volumes of all count', async () => {
    const reader = textSources({
      '1.yml': 'kernel: {image: k1, cmdline: quiet}\ninit: [a]\nvolumes: [{name: v}]\n',
      '2.yml':
        'kernel: {image: k2, cmdline: ""}\ninit: [b]\nvolumes: [{name: w}]\nservices: [{name: s, image: x, binds: ["v:/v", "w:/w"]}]\n',
    });
    const { plain } = await loadImageYaml(['1.yml', '2.yml'], { reader });
    expect(printYaml(plain)).toBe(
      [
        'kernel:',
        '  image: k2',
        '  cmdline: quiet',
        'init:',
        '- a',
        '- b',
        'services:',
        '- name: s',
        '  image: x',
        '  binds:',
        '  - v:/v',
        '  - w:/w',
        'volumes:',
        '- name: v',
        '- name: w',
        '',
      ].join('\n'),
    );
  });

  it('finds duplicate services across files, and names both places', async () => {
    const reader = textSources({
      '1.yml': 'services: [{name: s, image: x}]\n',
      '2.yml': 'services: [{name: s, image: x}]\n',
    });
    await expect(loadImageYaml(['1.yml', '2.yml'], { reader })).rejects.toMatchObject({
      problems: [
        {
          message: 'services[1].name: duplicate service name: s: it stands already in 1.yml:1',
          position: { file: '2.yml', line: 1, column: 19 },
        },
      ],
    });
  });

  it('resolves anchors and merge keys', async () => {
    const text = 'onboot:\n  - &base {name: a, image: x, env: [A=1]}\n  - {<<: *base, name: b}\n';
    const { yaml } = await loadText(text);
    expect(yaml.onboot?.map(({ name, env }) => [name.value, env])).toEqual([
      ['a', ['A=1']],
      ['b', ['A=1']],
    ]);
  });

  it('reads the first document only, with a warning', async () => {
    const { yaml, warnings } = await loadText('init: [a]\n---\ninit: [b]\n');
    expect(yaml.init).toHaveLength(1);
    expect(warnings).toMatchObject([
      { message: 'only the first document of a file is read', position: { line: 3 } },
    ]);
  });

  it('resolves templates of components', async () => {
    expect(await init('init: ["@pkg:../pkg/redis"]\n')).toEqual(['docker.io/orlop/redis:0123abcd']);
  });
});
