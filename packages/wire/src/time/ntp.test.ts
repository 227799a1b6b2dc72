import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u8, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import { emitNtp, NTP_HEADER_LEN, type NtpFields, ntpFromUnixMs, ntpToUnixMs, parseNtp } from './ntp.ts';

const timestamp = fc.record({ seconds: u32, fraction: u32 });
const i8 = fc.integer({ min: -128, max: 127 });
const arbitrary: fc.Arbitrary<NtpFields> = fc.record({
  leapIndicator: fc.nat(3),
  version: fc.integer({ min: 1, max: 4 }),
  mode: fc.nat(7),
  stratum: u8,
  poll: i8,
  precision: i8,
  rootDelay: u32,
  rootDispersion: u32,
  referenceId: u32,
  referenceTime: timestamp,
  originTime: timestamp,
  receiveTime: timestamp,
  transmitTime: timestamp,
});

describeFormat('NTP', {
  arbitrary,
  length: () => NTP_HEADER_LEN,
  emit: emitNtp,
  parse: parseNtp,
  headerLength: NTP_HEADER_LEN,
});

describe('ntpFromUnixMs', () => {
  it('counts from 1900 and is undone by ntpToUnixMs, also beyond 2036', () => {
    expect(ntpFromUnixMs(0)).toEqual({ seconds: 2_208_988_800, fraction: 0 });
    expect(ntpFromUnixMs(1500).fraction).toBe(0x8000_0000);
    for (const unixMs of [0, 1_763_990_000_250, Date.UTC(2036, 1, 8), Date.UTC(2100, 0, 1)]) {
      expect(ntpToUnixMs(ntpFromUnixMs(unixMs))).toBeCloseTo(unixMs, 3);
    }
  });
});
