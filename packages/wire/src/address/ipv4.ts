/** An IPv4 address as an unsigned 32-bit integer: 192.168.127.1 is 0xc0a87f01. */
export type Ipv4Address = number;

/** A prefix. Invariant: bits of `address` beyond `length` are zero. */
export interface Ipv4Cidr {
  readonly address: Ipv4Address;
  readonly length: number;
}

/** Four decimal numbers without leading zeros, as `inet_pton` wants it. */
export function parseIpv4Address(text: string): Ipv4Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

export function formatIpv4Address(address: Ipv4Address): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The netmask of a prefix length, 0 to 32. */
export function ipv4Mask(length: number): Ipv4Address {
  return length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
}

/** The prefix length of a contiguous netmask. */
export function ipv4PrefixLength(mask: Ipv4Address): number | undefined {
  const length = Math.clz32(~mask >>> 0);
  return ipv4Mask(length) === mask ? length : undefined;
}

/** `address/length`; host bits are cleared. */
export function parseIpv4Cidr(text: string): Ipv4Cidr | undefined {
  const [before = '', after = '', ...rest] = text.split('/');
  const address = parseIpv4Address(before);
  if (address === undefined || rest.length > 0 || !/^(?:0|[1-9]\d?)$/.test(after)) return undefined;
  const length = Number(after);
  return length > 32 ? undefined : { address: (address & ipv4Mask(length)) >>> 0, length };
}

export function formatIpv4Cidr(cidr: Ipv4Cidr): string {
  return `${formatIpv4Address(cidr.address)}/${cidr.length}`;
}

/** Whether an address is one of the network's. */
export function ipv4InCidr(address: Ipv4Address, cidr: Ipv4Cidr): boolean {
  return (address & ipv4Mask(cidr.length)) >>> 0 === cidr.address;
}

/** The all-ones address of a prefix. */
export function ipv4CidrBroadcast(cidr: Ipv4Cidr): Ipv4Address {
  return (cidr.address | ~ipv4Mask(cidr.length)) >>> 0;
}
