import type { Malformed } from '../malformed.ts';
import { readU32, writeU32 } from '../network-order.ts';

/** NTP without extension fields and authenticator (RFC 5905 §7.3). */
export const NTP_HEADER_LEN = 48;
export const NTP_PORT = 123;

/** Seconds from 1900-01-01 to 1970-01-01. */
const UNIX_EPOCH_SECONDS = 2_208_988_800;
const TWO_32 = 0x1_0000_0000;

export const NTP_MODE_CLIENT = 3;
export const NTP_MODE_SERVER = 4;

/** Seconds since 1900 modulo 2^32, and 2^-32 seconds. */
export interface NtpTimestamp {
  readonly seconds: number;
  readonly fraction: number;
}

export interface NtpFields {
  /** 0 none, 1 last minute has 61 seconds, 2 has 59, 3 not synchronized. */
  readonly leapIndicator: number;
  readonly version: number;
  readonly mode: number;
  readonly stratum: number;
  /** Power of two seconds, signed. */
  readonly poll: number;
  /** Power of two seconds, signed. */
  readonly precision: number;
  /** 16.16 fixed-point seconds, as is `rootDispersion`. */
  readonly rootDelay: number;
  readonly rootDispersion: number;
  /** Four characters with stratum 0 and 1, else from the server's address. */
  readonly referenceId: number;
  readonly referenceTime: NtpTimestamp;
  readonly originTime: NtpTimestamp;
  readonly receiveTime: NtpTimestamp;
  readonly transmitTime: NtpTimestamp;
}

/** Reads in place. Precondition: {@link checkNtp} found nothing. */
export const NtpView = {
  version: (bytes: Uint8Array, offset: number): number => (bytes[offset] >>> 3) & 7,
  mode: (bytes: Uint8Array, offset: number): number => bytes[offset] & 7,
  stratum: (bytes: Uint8Array, offset: number): number => bytes[offset + 1],
} as const;

/** Whether the view may read the packet at `offset`: version 1 to 4. */
export function checkNtp(bytes: Uint8Array, offset: number, end: number): Malformed | undefined {
  if (end - offset < NTP_HEADER_LEN) return 'truncated';
  const version = NtpView.version(bytes, offset);
  return version >= 1 && version <= 4 ? undefined : 'bad-version';
}

/** The header; extension fields and authenticators after it are not looked at. */
export function parseNtp(bytes: Uint8Array, offset: number, end: number): NtpFields | Malformed {
  return (
    checkNtp(bytes, offset, end) ?? {
      leapIndicator: bytes[offset] >>> 6,
      version: NtpView.version(bytes, offset),
      mode: NtpView.mode(bytes, offset),
      stratum: NtpView.stratum(bytes, offset),
      poll: (bytes[offset + 2] << 24) >> 24,
      precision: (bytes[offset + 3] << 24) >> 24,
      rootDelay: readU32(bytes, offset + 4),
      rootDispersion: readU32(bytes, offset + 8),
      referenceId: readU32(bytes, offset + 12),
      referenceTime: readTimestamp(bytes, offset + 16),
      originTime: readTimestamp(bytes, offset + 24),
      receiveTime: readTimestamp(bytes, offset + 32),
      transmitTime: readTimestamp(bytes, offset + 40),
    }
  );
}

/** Writes the packet and returns its end. */
export function emitNtp(fields: NtpFields, into: Uint8Array, offset: number): number {
  into[offset] = (fields.leapIndicator << 6) | (fields.version << 3) | fields.mode;
  into[offset + 1] = fields.stratum;
  into[offset + 2] = fields.poll;
  into[offset + 3] = fields.precision;
  writeU32(into, offset + 4, fields.rootDelay);
  writeU32(into, offset + 8, fields.rootDispersion);
  writeU32(into, offset + 12, fields.referenceId);
  writeTimestamp(fields.referenceTime, into, offset + 16);
  writeTimestamp(fields.originTime, into, offset + 24);
  writeTimestamp(fields.receiveTime, into, offset + 32);
  writeTimestamp(fields.transmitTime, into, offset + 40);
  return offset + NTP_HEADER_LEN;
}

/** From milliseconds since 1970; the era is lost, as on the wire. */
export function ntpFromUnixMs(unixMs: number): NtpTimestamp {
  const seconds = Math.floor(unixMs / 1000);
  const fraction = Math.floor(((unixMs - seconds * 1000) / 1000) * TWO_32);
  return { seconds: (seconds + UNIX_EPOCH_SECONDS) % TWO_32, fraction };
}

/** To milliseconds since 1970: the high bit set means 1968 to 2036, clear 2036 to 2104 (RFC 4330 §3). */
export function ntpToUnixMs(timestamp: NtpTimestamp): number {
  const era = timestamp.seconds >= 0x8000_0000 ? 0 : TWO_32;
  return (timestamp.seconds + era - UNIX_EPOCH_SECONDS) * 1000 + (timestamp.fraction / TWO_32) * 1000;
}

function readTimestamp(bytes: Uint8Array, offset: number): NtpTimestamp {
  return { seconds: readU32(bytes, offset), fraction: readU32(bytes, offset + 4) };
}

function writeTimestamp(timestamp: NtpTimestamp, into: Uint8Array, offset: number): void {
  writeU32(into, offset, timestamp.seconds);
  writeU32(into, offset + 4, timestamp.fraction);
}
