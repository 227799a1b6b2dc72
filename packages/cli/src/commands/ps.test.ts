import { describe, expect, it } from 'vitest';
import { formatAge, formatTable } from './ps.ts';

describe('formatTable', () => {
  it('lines its columns up', () => {
    const at = '2026-01-01T00:00:00.000Z';
    const row = { arch: 'amd64', cpus: 1, memoryMiB: 1024, folder: '/m' };
    const process = { pid: 42, startTicks: 1, bootId: 'b' };
    const text = formatTable(
      [
        {
          ...row,
          name: 'redis-os',
          state: { kind: 'running', at, process, accelerator: 'tcg' },
          ports: [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 16379, guestPort: 6379 }],
        },
        { ...row, name: 'b', state: { kind: 'stopped', at, reason: 'died' }, ports: [] },
      ],
      Date.parse(at) + 125_000,
    );
    expect(text).toBe(
      [
        'NAME      STATE           SINCE  PID  ACCEL  ARCH   CPUS  MEM    PORTS',
        'redis-os  running         2m     42   tcg    amd64  1     1024M  127.0.0.1:16379->6379/tcp',
        'b         stopped (died)  2m     -    -      amd64  1     1024M  -',
        '',
      ].join('\n'),
    );
  });
});

describe('formatAge', () => {
  it.each([
    [-5, '0s'],
    [59_999, '59s'],
    [3_600_000, '1h'],
    [172_800_000, '2d'],
  ])('says %s ms as %s', (ms, text) => expect(formatAge(ms)).toBe(text));
});
