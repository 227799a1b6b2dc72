import { describe, expect, it } from 'vitest';
import { judgeOpenFiles } from './doctor-checks.ts';

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
