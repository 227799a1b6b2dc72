import { describe, expect, it } from 'vitest';
import { probeGuests } from './guests.ts';
import { judge } from './probe-accelerator.ts';

const amd64 = probeGuests.amd64;
const result = (status: number | undefined, stderr = '') => ({ status, stdout: '', stderr });

describe('judge', () => {
  it('is content with every letter and the right status, with or without BMI2', () => {
    expect(judge(amd64, 'RPLSBT\n', result(33)).usable).toBe(true);
    expect(judge(amd64, 'RPLST\n', result(33)).usable).toBe(true);
  });
  it.each([
    ['', undefined, '', 'the test guest hangs before 16-bit real mode'],
    ['RPLSB', undefined, '', 'the test guest hangs before the timer interrupt'],
    [
      'RPL',
      undefined,
      'KVM internal error. Suberror: 1\nRAX=0',
      'the test guest failed before SSE2 in the kernel (KVM internal error. Suberror: 1)',
    ],
    [
      '',
      1,
      'qemu-system-x86_64: -accel kvm: failed to initialize kvm: No such device',
      'the test guest failed before 16-bit real mode (-accel kvm: failed to initialize kvm: No such device)',
    ],
    ['RPLSBT\n', 1, '', 'the test guest ran, but did not end'],
  ] as const)('says what is missing after "%s" with status %s', (said, status, stderr, reason) => {
    expect(judge(amd64, said, result(status, stderr))).toEqual({ usable: false, reason });
  });
});
