import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u8, u16, u32 } from '../testing/arbitraries.ts';
import { describeFormat } from '../testing/format-suite.ts';
import {
  emitIcmp,
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_LEN,
  type IcmpFields,
  isIcmpError,
  parseIcmp,
  sealIcmp,
  verifyIcmp,
} from './icmp.ts';

const arbitrary: fc.Arbitrary<IcmpFields> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('echo-request' as const, 'echo-reply' as const),
    code: u8,
    identifier: u16,
    sequence: u16,
  }),
  fc.record({
    kind: fc.constant('destination-unreachable' as const),
    code: u8,
    reserved: u16,
    nextHopMtu: u16,
  }),
  fc.record({ kind: fc.constant('redirect' as const), code: u8, gateway: u32 }),
  fc.record({ kind: fc.constant('time-exceeded' as const), code: u8, reserved: u32 }),
  fc.record({
    kind: fc.constant('parameter-problem' as const),
    code: u8,
    pointer: u8,
    reserved: fc.nat(0xff_ffff),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 13, max: 255 }),
    code: u8,
    rest: u32,
  }),
);

describeFormat('ICMP', {
  arbitrary,
  length: () => ICMP_HEADER_LEN,
  emit: emitIcmp,
  parse: parseIcmp,
  headerLength: ICMP_HEADER_LEN,
});

describe('sealIcmp', () => {
  it('writes a checksum over header and data', () => {
    const message = Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 2, 0x61, 0x62, 0x63);
    sealIcmp(message, 0, message.length);
    expect(verifyIcmp(message, 0, message.length)).toBe(true);
    message[10] ^= 1;
    expect(verifyIcmp(message, 0, message.length)).toBe(false);
  });
});

describe('isIcmpError', () => {
  it('holds for what quotes a datagram', () => {
    expect([isIcmpError(ICMP_DESTINATION_UNREACHABLE), isIcmpError(ICMP_ECHO_REQUEST)]).toEqual([
      true,
      false,
    ]);
  });
});
