import type { Random } from '@orlop/core';

/** What a machine keeps over restarts. */
export interface MachineIdentity {
  readonly uuid: string;
  readonly macs: readonly string[];
}

/** A locally administered unicast address under QEMU's usual prefix 52:54:00. */
export function createMac(random: Random): string {
  const bytes = new Uint8Array(3);
  random.fill(bytes);
  return ['52', '54', '00', ...[...bytes].map(hex)].join(':');
}

/** A random UUID (RFC 9562 §5.4). */
export function createUuid(random: Random): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = [...bytes].map(hex).join('');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
    '-',
  );
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
