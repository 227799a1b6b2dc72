import { describe, expect, it } from 'vitest';
import { judgeMemory, judgeNode, judgeRoom } from './doctor-checks.ts';
import { judgeOpenFiles } from './doctor-programs.ts';

/** A line of /proc/self/limits (proc(5)). */
const limits = (hard: string) =>
  `Max open files            1024                 ${hard.padEnd(20)} files     \n`;

describe('judgeOpenFiles', () => {
  it('notes a hard limit that a share of many files would meet, with its figure', () => {
    expect(judgeOpenFiles('/v', limits('20000'))).toMatchObject({
      status: 'note',
      detail: expect.stringContaining('more than 20000 files'),
    });
  });

  it('is content with what Debian sets, and with no limit at all', () => {
    expect(judgeOpenFiles('/v', limits('1048576'))).toEqual({ status: 'ok', detail: '/v' });
    expect(judgeOpenFiles('/v', limits('unlimited'))).toEqual({ status: 'ok', detail: '/v' });
  });
});

describe('judgeRoom', () => {
  it.each([
    [999_999_999, 'fail'],
    [1_000_000_000, 'note'],
    [4_999_999_999, 'note'],
    [5_000_000_000, 'ok'],
  ] as const)('says of %d bytes that are free: %s, and where', (free, status) => {
    const { hint, ...finding } = judgeRoom('/home/o', free);
    expect(finding).toMatchObject({ status, detail: expect.stringMatching(/ free in \/home\/o$/) });
    expect(hint === undefined).toBe(status === 'ok');
  });
});

describe('judgeMemory', () => {
  it('says what the host has, and of a control group that allows less, that', () => {
    expect(judgeMemory(2e9, Number.POSITIVE_INFINITY)).toMatchObject({
      status: 'ok',
      detail: '2.0 GB available',
    });
    expect(judgeMemory(1e9, 1.8e19)).toMatchObject({ status: 'note', detail: '1.0 GB available' });
    expect(judgeMemory(8e9, 1e9)).toMatchObject({
      status: 'note',
      detail: '1.0 GB by the limit of this control group',
    });
  });
});

describe('judgeNode', () => {
  it.each([
    ['v18.20.4', 'fail'],
    ['v20.18.3', 'fail'],
    ['v20.19.0', 'ok'],
    ['v22.1.0', 'ok'],
  ])('says of %s: %s', (version, status) => {
    expect(judgeNode(version)).toMatchObject({ status, detail: expect.stringContaining(version) });
  });
});
