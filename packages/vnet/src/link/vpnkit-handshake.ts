import { IpAddress } from '@orlop/netstack';
import { type MacAddress, writeMac } from '@orlop/wire';

/** VPNKit's Ethernet protocol (reference/network.md, section 1); numbers are little endian. */
const MAGIC = 'VMN3T';
export const VPNKIT_INIT_LEN = 49;
export const VPNKIT_REQUEST_LEN = 41;
const ANSWER_LEN = 258;
const BARE_VIF_LEN = 10;
const VERSION = 22;
const COMMIT_LEN = 40;
const UUID_LEN = 36;
const REQUEST_ETHERNET = 1;
const REQUEST_BIND = 6;
const REQUEST_PREFERRED_IP = 8;
const REQUEST_PREFERRED_IP_OLD = 2; // before version 22
const ANSWER_VIF = 1;
const ANSWER_DISCONNECT = 2;

export interface VpnkitGuest {
  readonly uuid: string;
  readonly preferredIp: IpAddress | undefined;
}

export interface VpnkitVif {
  readonly mac: MacAddress;
  readonly mtu: number;
}

export type VpnkitStep =
  /** More bytes are needed. */
  | { readonly kind: 'more' }
  /** Send this; more bytes are needed. */
  | { readonly kind: 'greet'; readonly greeting: Uint8Array }
  /** Who is there: answer by `accept` or `refuse`. */
  | { readonly kind: 'guest'; readonly guest: VpnkitGuest }
  | { readonly kind: 'failed'; readonly reason: string };

/** The server's side of the handshake: bytes in, steps out. */
export class VpnkitHandshake {
  readonly #bytes = new Uint8Array(VPNKIT_INIT_LEN + VPNKIT_REQUEST_LEN);
  #length = 0;
  #version = VERSION;

  /** How many bytes to read next; never more than belong to the handshake. */
  get wanted(): number {
    return this.#length < VPNKIT_INIT_LEN
      ? VPNKIT_INIT_LEN - this.#length
      : this.#bytes.length - this.#length;
  }

  /** Takes at most `wanted` bytes. */
  receive(bytes: Uint8Array): VpnkitStep {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    if (this.#length < VPNKIT_INIT_LEN) return { kind: 'more' };
    if (this.#text(0, MAGIC.length) !== MAGIC)
      return failed('the other side does not speak VPNKit’s protocol');
    this.#version = readLittleU32(this.#bytes, MAGIC.length);
    if (this.#length === VPNKIT_INIT_LEN) return { kind: 'greet', greeting: this.#greeting() };
    if (this.#length < this.#bytes.length) return { kind: 'more' };
    return this.#request();
  }

  /** A client of an older version takes no other than its own. */
  #greeting(): Uint8Array {
    const greeting = new Uint8Array(VPNKIT_INIT_LEN);
    greeting.set(new TextEncoder().encode(MAGIC));
    greeting[MAGIC.length] = Math.min(this.#version, VERSION);
    greeting.fill(0x30, VPNKIT_INIT_LEN - COMMIT_LEN); // zeros for a commit: ours is not theirs
    return greeting;
  }

  /** Version 22 has an answer with a type; what came before has the bare description. */
  accept(vif: VpnkitVif): Uint8Array {
    const typed = this.#version >= VERSION;
    const answer = new Uint8Array(typed ? ANSWER_LEN : BARE_VIF_LEN);
    const at = typed ? 1 : 0;
    if (typed) answer[0] = ANSWER_VIF;
    writeLittleU16(answer, at, vif.mtu);
    writeLittleU16(answer, at + 2, Math.min(vif.mtu + 50, 0xffff)); // room for headers, as VPNKit counts
    writeMac(vif.mac, answer, at + 4);
    return answer;
  }

  refuse(reason: string): Uint8Array {
    const answer = new Uint8Array(ANSWER_LEN);
    const text = new TextEncoder().encode(reason).subarray(0, 255);
    answer[0] = ANSWER_DISCONNECT;
    answer[1] = text.length;
    answer.set(text, 2);
    return answer;
  }

  #request(): VpnkitStep {
    const at = VPNKIT_INIT_LEN;
    const type = this.#bytes[at];
    const uuid = this.#text(at + 1, UUID_LEN).toLowerCase();
    if (type === REQUEST_BIND) return failed('binding of privileged ports is not offered on this socket');
    const prefers = type === REQUEST_PREFERRED_IP || type === REQUEST_PREFERRED_IP_OLD;
    if (type !== REQUEST_ETHERNET && !prefers) return failed(`unknown request ${type}`);
    if (!/^[0-9a-f-]{36}$/.test(uuid)) return failed(`"${uuid}" is no UUID`);
    const preferredIp = prefers ? IpAddress.v4(readLittleU32(this.#bytes, at + 1 + UUID_LEN)) : undefined;
    return { kind: 'guest', guest: { uuid, preferredIp } };
  }

  #text(offset: number, length: number): string {
    return String.fromCharCode(...this.#bytes.subarray(offset, offset + length));
  }
}

function failed(reason: string): VpnkitStep {
  return { kind: 'failed', reason };
}

function readLittleU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  );
}

function writeLittleU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
}
