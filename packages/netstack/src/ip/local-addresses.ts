import { IpAddress, type IpPrefix } from './address.ts';

/** The addresses of the interface. Few: they are compared one after the other, in place. */
export class InterfaceAddresses {
  readonly #prefixes: IpPrefix[];
  readonly #broadcasts: IpAddress[] = [];

  constructor(prefixes: readonly IpPrefix[]) {
    this.#prefixes = [];
    for (const prefix of prefixes) this.add(prefix);
  }

  get prefixes(): readonly IpPrefix[] {
    return this.#prefixes;
  }

  add(prefix: IpPrefix): void {
    this.#prefixes.push(prefix);
    const { address, length } = prefix;
    if (address.version === 4 && length < 31)
      this.#broadcasts.push(IpAddress.v4(address.w3 | (-1 >>> length)));
  }

  remove(address: IpAddress): void {
    const at = this.#prefixes.findIndex((prefix) => prefix.address.equals(address));
    if (at >= 0) this.#prefixes.splice(at, 1);
  }

  isLocal(address: IpAddress): boolean {
    return this.#prefixes.some((prefix) => prefix.address.equals(address));
  }

  isLocalVersion4(word: number): boolean {
    for (const { address } of this.#prefixes) if (address.version === 4 && address.w3 === word) return true;
    return false;
  }

  isLocalVersion6(w0: number, w1: number, w2: number, w3: number): boolean {
    for (const { address: a } of this.#prefixes) {
      if (a.w3 === w3 && a.w2 === w2 && a.w1 === w1 && a.w0 === w0 && a.version === 6) return true;
    }
    return false;
  }

  /** The limited broadcast or that of one of our prefixes. */
  isBroadcastVersion4(word: number): boolean {
    if (word === -1) return true;
    for (const broadcast of this.#broadcasts) if (broadcast.w3 === word) return true;
    return false;
  }

  /** Which of our addresses to speak to `destination` with (RFC 6724 in small: same prefix, then same scope). */
  sourceFor(destination: IpAddress): IpAddress | undefined {
    const sameVersion = this.#prefixes.filter((prefix) => prefix.address.version === destination.version);
    const onLink = sameVersion.find((prefix) => prefix.contains(destination));
    const sameScope = sameVersion.find((prefix) => prefix.address.isLinkLocal === scopeIsLink(destination));
    return (onLink ?? sameScope ?? sameVersion[0])?.address;
  }
}

function scopeIsLink(address: IpAddress): boolean {
  if (address.version === 6 && address.isMulticast) return ((address.w0 >>> 16) & 0xf) === 2;
  return address.isLinkLocal;
}
