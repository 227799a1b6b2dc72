import { describe, expect, it } from 'vitest';
import { otherBuild } from './engine-daemon.ts';

describe('otherBuild', () => {
  const own = { version: '0.2.0', commit: '1111111111111111' };

  it('has nothing to say of a daemon of the same build, or when its own is not known', () => {
    expect(otherBuild(own, own)).toBeUndefined();
    expect(otherBuild({ version: '0.1.0' }, { version: '0.2.0', commit: '' })).toBeUndefined();
  });

  it('names both builds, and the command that replaces the daemon', () => {
    expect(otherBuild({ version: '0.1.0', commit: '2222222222222222' }, own)).toBe(
      'the daemon is of another build (0.1.0, 222222222222) than this program (0.2.0, 111111111111): `orlop daemon restart`, and containers go on',
    );
    expect(otherBuild({ ...own, commit: '3333333333333333' }, own)).toContain('orlop daemon restart');
  });

  it('sends a daemon that cannot leave its engines to another to its end', () => {
    expect(otherBuild({ version: '0.1.0' }, own)).toContain('(0.1.0, older)');
    expect(otherBuild({ version: '0.1.0' }, own)).toContain('orlop down --all');
  });
});
