import type { Ipv4Address } from '../address/ipv4.ts';
import { decodePlainName, encodePlainName, MAX_NAME_POINTERS } from '../dns/plain-name.ts';
import type { Malformed } from '../malformed.ts';
import { readU16, readU32 } from '../network-order.ts';

export const OPTION_MESSAGE_TYPE = 53;
const OPTION_PAD = 0;
const OPTION_OVERLOAD = 52;
const OPTION_END = 255;
/** A list of more stays uninterpreted: pointers make thousands of long names out of one datagram. */
const MAX_SEARCH_DOMAINS = 256;

/** RFC 2132 unless another is named. Times are in seconds. An option that is absent on the wire is absent here. */
export interface Dhcpv4Options {
  readonly subnetMask?: Ipv4Address;
  readonly routers?: readonly Ipv4Address[];
  readonly dnsServers?: readonly Ipv4Address[];
  readonly hostName?: string;
  readonly domainName?: string;
  readonly mtu?: number;
  readonly broadcastAddress?: Ipv4Address;
  readonly ntpServers?: readonly Ipv4Address[];
  readonly requestedIp?: Ipv4Address;
  readonly leaseTime?: number;
  readonly serverIdentifier?: Ipv4Address;
  /** Option codes that the client asks for, in its order. */
  readonly parameterRequestList?: readonly number[];
  readonly message?: string;
  readonly maximumMessageSize?: number;
  readonly renewalTime?: number;
  readonly rebindingTime?: number;
  readonly vendorClass?: string;
  readonly clientIdentifier?: Uint8Array;
  /** RFC 3397. */
  readonly searchDomains?: readonly string[];
  /** RFC 3442. */
  readonly classlessRoutes?: readonly {
    readonly prefix: Ipv4Address;
    readonly length: number;
    readonly router: Ipv4Address;
  }[];
  /** Those above whose length does not fit, and every other code, in the order of their codes. */
  readonly others?: readonly { readonly code: number; readonly data: Uint8Array }[];
  /** Codes in the order of the wire, the message type's (53) included: emitted in it, codes not named here last. */
  readonly order?: readonly number[];
}

export interface ParsedDhcpv4Options {
  readonly options: Dhcpv4Options;
  /** 0 if there is none. */
  readonly messageType: number;
  readonly overload: number;
}

/** How the bytes of one option and its property become each other. */
interface OptionFormat<Value> {
  readonly decode: (data: Uint8Array) => Value | undefined;
  readonly encode: (value: Value) => Iterable<number>;
}

type Known = Required<Omit<Dhcpv4Options, 'others' | 'order'>>;

const address: OptionFormat<number> = {
  decode: (data) => (data.length === 4 ? readU32(data, 0) : undefined),
  encode: encodeU32,
};
const addresses: OptionFormat<readonly number[]> = {
  decode: (data) => {
    if (data.length === 0 || data.length % 4 !== 0) return undefined;
    return Array.from({ length: data.length / 4 }, (_, index) => readU32(data, 4 * index));
  },
  encode: (list) => list.flatMap(encodeU32),
};
const u16: OptionFormat<number> = {
  decode: (data) => (data.length === 2 ? readU16(data, 0) : undefined),
  encode: (value) => [value >>> 8, value & 255],
};
/** Latin-1, so that any bytes come back as they were; a zero at the end is the sender's habit and is kept. */
const text: OptionFormat<string> = {
  decode: (data) => (data.length === 0 ? undefined : String.fromCharCode(...data)),
  encode: (value) => Array.from(value, (character) => character.charCodeAt(0) & 255),
};

/** Code, property, format; emitted in this order. */
const FORMATS: { readonly [Name in keyof Known]: readonly [number, OptionFormat<Known[Name]>] } = {
  serverIdentifier: [54, address],
  clientIdentifier: [61, { decode: (data) => (data.length < 2 ? undefined : data), encode: (data) => data }],
  requestedIp: [50, address],
  leaseTime: [51, address],
  renewalTime: [58, address],
  rebindingTime: [59, address],
  subnetMask: [1, address],
  broadcastAddress: [28, address],
  routers: [3, addresses],
  dnsServers: [6, addresses],
  domainName: [15, text],
  hostName: [12, text],
  mtu: [26, u16],
  ntpServers: [42, addresses],
  message: [56, text],
  maximumMessageSize: [57, u16],
  vendorClass: [60, text],
  parameterRequestList: [
    55,
    { decode: (data) => (data.length === 0 ? undefined : [...data]), encode: (list) => list },
  ],
  searchDomains: [119, { decode: decodeSearchDomains, encode: encodeSearchDomains }],
  classlessRoutes: [121, { decode: decodeRoutes, encode: encodeRoutes }],
};

/** The options of the message at `offset`, whose fixed part was checked. */
export function parseDhcpv4Options(
  bytes: Uint8Array,
  offset: number,
  end: number,
): ParsedDhcpv4Options | Malformed {
  // RFC 3396: parts with the same code are one option; order of search: options, file, sname.
  const parts = new Map<number, number[]>();
  if (!collect(bytes, { offset: offset + 240, end }, parts)) return 'bad-option';
  const overload = parts.get(OPTION_OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0 && !collect(bytes, { offset: offset + 108, end: offset + 236 }, parts))
    return 'bad-option';
  if ((overload & 2) !== 0 && !collect(bytes, { offset: offset + 44, end: offset + 108 }, parts))
    return 'bad-option';
  const messageType = parts.get(OPTION_MESSAGE_TYPE)?.[0] ?? 0;
  const order = [...parts.keys()].filter((code) => code !== OPTION_OVERLOAD);
  parts.delete(OPTION_OVERLOAD);
  parts.delete(OPTION_MESSAGE_TYPE);
  const known: Record<string, unknown> = { order };
  for (const [name, [code, format]] of Object.entries(FORMATS)) {
    const data = parts.get(code);
    const value = data === undefined ? undefined : format.decode(Uint8Array.from(data));
    if (value === undefined) continue;
    known[name] = value;
    parts.delete(code);
  }
  const others = [...parts]
    .map(([code, data]) => ({ code, data: Uint8Array.from(data) }))
    .sort((one, other) => one.code - other.code);
  if (others.length > 0) known['others'] = others;
  return { options: known as Dhcpv4Options, messageType, overload };
}

/** Bytes that {@link emitDhcpv4Options} writes. */
export function dhcpv4OptionsLength(messageType: number, options: Dhcpv4Options): number {
  let length = 0;
  for (const { data } of encodedOptions(messageType, options)) {
    length += data.length + 2 * Math.max(1, Math.ceil(data.length / 255));
  }
  return length;
}

/** Writes the options, long ones in parts (RFC 3396 §5), without the end option, and returns their end. */
export function emitDhcpv4Options(
  messageType: number,
  options: Dhcpv4Options,
  at: { readonly into: Uint8Array; readonly offset: number },
): number {
  const { into } = at;
  let end = at.offset;
  for (const { code, data } of encodedOptions(messageType, options)) {
    for (let from = 0; from === 0 || from < data.length; from += 255) {
      const part = data.slice(from, from + 255);
      into[end] = code;
      into[end + 1] = part.length;
      into.set(part, end + 2);
      end += 2 + part.length;
    }
  }
  return end;
}

function collect(
  bytes: Uint8Array,
  area: { readonly offset: number; readonly end: number },
  parts: Map<number, number[]>,
): boolean {
  for (let at = area.offset; at < area.end; ) {
    const code = bytes[at];
    if (code === OPTION_END) return true;
    if (code === OPTION_PAD) {
      at++;
      continue;
    }
    if (at + 1 >= area.end || at + 2 + bytes[at + 1] > area.end) return false;
    const data = parts.get(code) ?? [];
    for (let index = 0; index < bytes[at + 1]; index++) data.push(bytes[at + 2 + index]);
    parts.set(code, data);
    at += 2 + bytes[at + 1];
  }
  return true; // many clients leave the end option out
}

function encodedOptions(messageType: number, options: Dhcpv4Options): { code: number; data: number[] }[] {
  const encoded = [{ code: OPTION_MESSAGE_TYPE, data: [messageType] }];
  for (const [name, [code, format]] of Object.entries(FORMATS)) {
    const value = options[name as keyof Known];
    if (value !== undefined) {
      encoded.push({ code, data: [...(format as OptionFormat<unknown>).encode(value)] });
    }
  }
  for (const { code, data } of options.others ?? []) encoded.push({ code, data: [...data] });
  const { order = [] } = options;
  const rank = (code: number): number => (order.includes(code) ? order.indexOf(code) : order.length);
  return encoded.sort((one, other) => rank(one.code) - rank(other.code));
}

function encodeU32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** Names, perhaps with pointers into the option's own data (RFC 3397 §2). */
function decodeSearchDomains(data: Uint8Array): readonly string[] | undefined {
  const domains: string[] = [];
  for (let at = 0; at < data.length; ) {
    const name = decodePlainName(data, at, data.length) ?? decodePointedName(data, at);
    if (name === undefined || domains.length === MAX_SEARCH_DOMAINS) return undefined;
    domains.push(name.name);
    at = name.end;
  }
  return domains.length === 0 ? undefined : domains;
}

/** A name of labels that ends in one pointer to an earlier place. */
function decodePointedName(data: Uint8Array, offset: number): { name: string; end: number } | undefined {
  const flat: number[] = [];
  let end = -1;
  let jumps = 0;
  for (let at = offset; at < data.length && flat.length < 255; ) {
    const length = data[at];
    if (length >= 0xc0) {
      const target = readU16(data, at) & 0x3fff;
      if (at + 1 >= data.length || target >= at || ++jumps > MAX_NAME_POINTERS) return undefined;
      if (end < 0) end = at + 2;
      at = target;
      continue;
    }
    flat.push(...data.subarray(at, at + 1 + length));
    if (length === 0) {
      const name = decodePlainName(Uint8Array.from(flat), 0, flat.length);
      return name && { name: name.name, end: end < 0 ? at + 1 : end };
    }
    at += 1 + length;
  }
  return undefined;
}

/** Ends of names that stand in the option already are pointed to (RFC 3397 §2). */
function encodeSearchDomains(domains: readonly string[]): number[] {
  const data: number[] = [];
  const places = new Map<string, number>();
  for (const domain of domains) {
    const name = encodePlainName(domain);
    if (name === undefined) continue;
    let at = 0;
    for (; name[at] !== 0; at += 1 + name[at]) {
      const rest = name.slice(at).join();
      const place = places.get(rest);
      if (place !== undefined) {
        data.push(0xc0 | (place >>> 8), place & 255);
        break;
      }
      places.set(rest, data.length);
      data.push(...name.slice(at, at + 1 + name[at]));
    }
    if (name[at] === 0) data.push(0);
  }
  return data;
}

function decodeRoutes(data: Uint8Array): Known['classlessRoutes'] | undefined {
  const routes: { prefix: number; length: number; router: number }[] = [];
  for (let at = 0; at < data.length; ) {
    const length = data[at];
    const octets = Math.ceil(length / 8);
    if (length > 32 || at + 5 + octets > data.length) return undefined;
    let prefix = 0;
    for (let index = 0; index < 4; index++)
      prefix = prefix * 256 + (index < octets ? data[at + 1 + index] : 0);
    routes.push({ prefix, length, router: readU32(data, at + 1 + octets) });
    at += 5 + octets;
  }
  return routes.length === 0 ? undefined : routes;
}

function encodeRoutes(routes: Known['classlessRoutes']): number[] {
  return routes.flatMap(({ prefix, length, router }) => [
    length,
    ...encodeU32(prefix).slice(0, Math.ceil(length / 8)),
    ...encodeU32(router),
  ]);
}
