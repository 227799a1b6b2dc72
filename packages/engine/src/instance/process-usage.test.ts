import { describe, expect, it } from 'vitest';
import { residentOf } from './process-usage.ts';

const MIB = 2 ** 20;

/** As proc_pid_smaps(5) has it: a head, then lines of what is said of it. */
const mapping = (range: string, mode: string, rssKib: number) =>
  `${range} ${mode} 00000000 00:00 0 \nSize:            1048576 kB\nRss:              ${rssKib} kB\nPss:              ${rssKib} kB\nVmFlags: rd wr mr mw me ac sd hg\n`;

describe('residentOf', () => {
  it("tells the machine's memory from the emulator's own and from smaller mappings", () => {
    const smaps =
      mapping('55d0c0000000-55d0c1000000', 'rw-p', 9000) +
      mapping('7f0000000000-7f0040000000', 'rwxp', 400_000) + // translated code, of the same size
      mapping('7f1000000000-7f1040000000', 'r--p', 7) +
      mapping('7f2000000000-7f2040000000', 'rw-s', 300_000) +
      mapping('7f3000000000-7f3000800000', 'rw-p', 5);
    expect(residentOf(smaps, 1024 * MIB)).toBe(300_000 * 1024);
  });

  it('is undefined where nothing is as large', () => {
    expect(residentOf(mapping('7f2000000000-7f2040000000', 'rw-p', 1), 2048 * MIB)).toBeUndefined();
    expect(residentOf('', MIB)).toBeUndefined();
  });
});
