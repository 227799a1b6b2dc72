import { describe, expect, it } from 'vitest';
import { parseSync, parseSyncs } from './sync-settings.ts';

describe('parseSyncs', () => {
  it('reads paths with what is left out as the defaults', () => {
    const [one, other] = parseSyncs({
      '/home/me/a': null,
      '/home/me/b': { mode: 'one-way', exclude: ['*.log'], owner: '1000:100' },
    });
    expect(one).toMatchObject({ path: '/home/me/a', mode: 'two-way', exclude: [] });
    expect(one).not.toHaveProperty('owner');
    expect(other).toMatchObject({ mode: 'one-way', exclude: ['*.log'], owner: [1000, 100] });
    expect(one?.id).toMatch(/^[0-9a-f]{12}$/);
    expect(one?.id).not.toBe(other?.id);
  });

  it.each([
    ['home/me', {}, 'absolute'],
    ['/home/../etc', {}, 'absolute'],
    ['/home/me/', {}, 'absolute'],
    ['/home/a\nb', {}, 'absolute'],
    ['/usr/src', {}, 'engine'],
    ['/var/lib/docker/x', {}, 'engine'],
    ['/', {}, 'engine'],
    ['/home/me', [], 'mapping'],
    ['/home/me', { modes: 'x' }, 'modes'],
    ['/home/me', { mode: 'three-way' }, 'three-way'],
    ['/home/me', { exclude: 'x' }, 'list'],
    ['/home/me', { owner: 'root' }, 'UID:GID'],
  ])('refuses %j with %j', (path, value, reason) => {
    expect(parseSync(path, value)).toContain(reason);
  });

  it('names every problem, and a folder within another', () => {
    const parse = () => parseSyncs({ '/a': {}, '/a/b': {}, c: {} });
    expect(parse).toThrowError(expect.objectContaining({ code: 'engine.bad-setting' }));
    try {
      parse();
    } catch (error) {
      const { problems } = error as { readonly problems: readonly { readonly message: string }[] };
      expect(problems.map(({ message }) => message)).toEqual([
        expect.stringContaining('c: is no absolute path'),
        expect.stringContaining('/a/b: it is in /a'),
      ]);
    }
  });
});
