import { IpAddress, type IpPrefix } from '@orlop/netstack';
import { formatMac, type MacAddress } from '@orlop/wire';
import { vnetError } from '../errors.ts';

export interface Lease {
  readonly mac: MacAddress;
  readonly address: IpAddress;
  /** As the guest said, or as configured; '' when neither. */
  readonly hostName: string;
  /**
   * By the table's own clock, which no setting of the host's moves; in a store by the wall clock. Infinity for what is
   * configured.
   */
  readonly expiresAtMs: number;
  readonly isStatic: boolean;
  /** The name is configured, and no guest's claim. @default false */
  readonly hasFixedName?: boolean;
  /** Of the switch: behind which the guest is; undefined since that was unplugged, or where nobody knows. */
  readonly port?: number | undefined;
  /** When that port was unplugged, by the table's own clock. @default not */
  readonly leftAtMs?: number | undefined;
}

export interface StaticLease {
  readonly mac: MacAddress;
  readonly address: IpAddress;
  readonly hostName?: string;
  readonly boot?: Boot;
}

/** What a guest starts from, and the server that has it. */
export interface Boot {
  readonly file: string;
  readonly server: IpAddress;
}

/** Where leases outlive the process. */
export interface LeaseStore {
  load(): readonly Lease[];
  /** Atomic: a reader sees the old list or the new one. What cannot be kept is the store's to tell; a guest waits. */
  save(leases: readonly Lease[]): void;
}

export interface LeaseTableOptions {
  readonly subnet: IpPrefix;
  readonly first: IpAddress;
  readonly last: IpAddress;
  /** Addresses of the gateway's own. */
  readonly reserved: readonly IpAddress[];
  readonly leaseMs: number;
  /** What leases run out by: goes forward evenly, whatever the wall clock is set to. */
  readonly now: () => number;
  /** For what outlives the process, and for people. */
  readonly wallMs: () => number;
  readonly staticLeases: readonly StaticLease[];
  /** Whether somebody else is heard to use the address, an IPv4 address as one word: without a lease. @default nobody */
  readonly isUsed?: (address: number, mac: MacAddress) => boolean;
  /** Behind which port of the switch the guest is whose message is being handled. @default nobody knows */
  readonly origin?: () => number | undefined;
  /** Whether the Ethernet address is heard on the segment. @default none is */
  readonly isHeard?: (mac: MacAddress) => boolean;
  readonly store?: LeaseStore;
}

/** An address that a client found in use is not offered for this long. */
const DECLINED_MS = 600_000;
/** What was offered to one is offered to others only if nothing else is left, for as long as clients take to ask for it. */
const OFFERED_MS = 10_000;
/**
 * Leases behind one port of the switch, beside fixed ones: as many as it may have Ethernet addresses at once. Of a small
 * range, this part of it.
 */
const MAX_PER_PORT = 64;
const MAX_PART_PER_PORT = 0.75;
/** A guest whose port was unplugged for longer is not rebooting: its name is free, and its address where none else is. */
const GONE_MS = 300_000;
/** Whoever asks for more at once loses what was offered first. */
const MAX_OFFERS = 256;

/**
 * Which guest has which address. A guest keeps its address across reboots and restarts of this process as long as
 * the range has others.
 *
 * Invariant: no two leases have one address; none is of a reserved address. Leases are in the order in which their guests
 * claimed their names, in the store too. Behind one port there are no more than {@link MAX_PER_PORT} that run.
 */
export class LeaseTable {
  /** Called after every change. */
  onChange: (() => void) | undefined = undefined;
  readonly #options: LeaseTableOptions;
  readonly #byMac = new Map<MacAddress, Lease>();
  readonly #byAddress = new Map<number, MacAddress>();
  readonly #declinedUntilMs = new Map<number, number>();
  readonly #offers = new Map<number, { readonly mac: MacAddress; readonly untilMs: number }>();

  /** @throws OrlopError `vnet.lease-conflict` for two static leases of one address. */
  constructor(options: LeaseTableOptions) {
    this.#options = options;
    for (const lease of options.staticLeases) this.addStatic(lease);
    for (const lease of options.store?.load() ?? []) {
      if (lease.isStatic || this.#byMac.has(lease.mac) || !this.#isFree(lease.address.w3)) continue;
      if (this.#isInRange(lease.address.w3)) this.#put(this.#fromStore(lease));
    }
  }

  /** @throws OrlopError `vnet.lease-conflict` */
  addStatic(lease: StaticLease): void {
    const { mac, address } = lease;
    this.#takeFromExpired(address, mac);
    const holder = this.#byAddress.get(address.w3);
    const isReserved = this.#options.reserved.some((own) => own.equals(address));
    if (isReserved || !this.#options.subnet.contains(address) || (holder !== undefined && holder !== mac)) {
      const why = isReserved
        ? "is the gateway's own"
        : holder === undefined
          ? `is outside ${this.#options.subnet}`
          : `belongs to ${formatMac(holder)}`;
      throw vnetError('vnet.lease-conflict', `the address ${address} for ${formatMac(mac)} ${why}`);
    }
    const { hostName = '' } = lease;
    const fixed = { expiresAtMs: Number.POSITIVE_INFINITY, isStatic: true, hasFixedName: hostName !== '' };
    this.#put({ mac, address, hostName, ...fixed });
    this.#changed();
  }

  /** Who has let its lease run out keeps the address as long as nobody else is to have it. */
  #takeFromExpired(address: IpAddress, mac: MacAddress): void {
    const lease = this.findByAddress(address);
    if (lease !== undefined && lease.mac !== mac && this.hasExpired(lease)) this.#drop(lease);
  }

  /** False when the guest had none. */
  remove(mac: MacAddress): boolean {
    const lease = this.#byMac.get(mac);
    if (lease === undefined) return false;
    this.#drop(lease);
    this.#changed();
    return true;
  }

  /** The address to offer, without a promise; undefined when the range is used up. */
  offer(mac: MacAddress, requested: IpAddress | undefined): IpAddress | undefined {
    const known = this.#byMac.get(mac);
    if (known !== undefined) return known.address;
    const offered =
      this.#freeFor(mac, requested) ?? this.#takeOldest() ?? this.#lowestFree(() => true) ?? this.#reclaim();
    if (offered === undefined) return undefined;
    const [oldestOffer] = this.#offers.keys();
    if (oldestOffer !== undefined && this.#offers.size >= MAX_OFFERS) this.#offers.delete(oldestOffer);
    this.#offers.set(offered.w3, { mac, untilMs: this.#options.now() + OFFERED_MS });
    return offered;
  }

  /**
   * Whether the guest may have a lease: its port has fewer than it may, or one of a guest that is heard no more, which
   * ends for it.
   */
  mayLease(mac: MacAddress): boolean {
    return this.#roomFor(mac) !== undefined;
  }

  /** Gives `address` to the guest if it may have it. */
  confirm(mac: MacAddress, address: IpAddress, hostName: string): Lease | undefined {
    const known = this.#byMac.get(mac);
    if (known?.isStatic === true) {
      if (!known.address.equals(address)) return undefined;
      const claimed = known.hasFixedName === true || hostName === '' ? known.hostName : hostName;
      this.#claim({ ...known, leftAtMs: undefined, ...this.#whereabouts(), hostName: claimed });
      return this.#byMac.get(mac);
    }
    const holder = this.#byAddress.get(address.w3);
    if (holder !== mac && (!this.#isInRange(address.w3) || !this.#isFree(address.w3))) return undefined;
    const room = this.#roomFor(mac);
    if (room === undefined) return undefined;
    if (room !== 'free') this.#drop(room);
    const lease: Lease = {
      mac,
      address,
      hostName: hostName === '' ? (known?.hostName ?? '') : hostName,
      expiresAtMs: this.#options.now() + this.#options.leaseMs,
      isStatic: false,
      ...this.#whereabouts(),
    };
    this.#claim(lease);
    this.#changed();
    return lease;
  }

  /** A port of the switch was unplugged, and the guests behind it with it. */
  portLeft(port: number): void {
    for (const lease of this.#byMac.values())
      if (lease.port === port) this.#put({ ...lease, port: undefined, leftAtMs: this.#options.now() });
  }

  /** The guest no longer needs its address; it stays its own while there are others. */
  release(mac: MacAddress): void {
    const lease = this.#byMac.get(mac);
    if (lease === undefined || lease.isStatic) return;
    this.#put({ ...lease, expiresAtMs: this.#options.now() });
    this.#changed();
  }

  /** The guest found that somebody else uses the address. */
  decline(mac: MacAddress, address: IpAddress): void {
    const lease = this.#byMac.get(mac);
    if (lease?.isStatic === true || lease?.address.equals(address) !== true) return;
    this.#drop(lease);
    this.#declinedUntilMs.set(address.w3, this.#options.now() + DECLINED_MS);
    this.#changed();
  }

  /**
   * By a name, without regard to case. Where several have it, it is the one's for whom it is configured, then the one's
   * that claimed it first (RFC 4703 §5.3) of those whose lease runs and that are not gone; where none is there, the
   * latest lease's.
   */
  findByName(name: string): Lease | undefined {
    const wanted = name.toLowerCase();
    let first: Lease | undefined;
    let latest: Lease | undefined;
    for (const lease of this.#byMac.values()) {
      if (lease.hostName.toLowerCase() !== wanted) continue;
      if (lease.hasFixedName === true) return lease;
      if (first === undefined && !this.hasExpired(lease) && !this.#isGone(lease)) first = lease;
      if (latest === undefined || lease.expiresAtMs > latest.expiresAtMs) latest = lease;
    }
    return first ?? latest;
  }

  findByMac(mac: MacAddress): Lease | undefined {
    return this.#byMac.get(mac);
  }

  findByAddress(address: IpAddress): Lease | undefined {
    const mac = address.version === 4 ? this.#byAddress.get(address.w3) : undefined;
    return mac === undefined ? undefined : this.#byMac.get(mac);
  }

  /** Whose address it is, an IPv4 address as one word; expired leases count until another guest needs them. */
  holderOf(address: number): MacAddress | undefined {
    return this.#byAddress.get(address);
  }

  list(): IterableIterator<Lease> {
    return this.#byMac.values();
  }

  hasExpired(lease: Lease): boolean {
    return lease.expiresAtMs <= this.#options.now();
  }

  /** When a lease runs out by the host's clock, as that stands now. */
  wallExpiryMs(lease: Lease): number {
    return this.#options.wallMs() + lease.expiresAtMs - this.#options.now();
  }

  /** What a clock that was wrong wrote lasts a whole lease at most. */
  #fromStore(lease: Lease): Lease {
    const { wallMs, now, leaseMs } = this.#options;
    return { ...lease, expiresAtMs: now() + Math.min(lease.expiresAtMs - wallMs(), leaseMs) };
  }

  get #maxPerPort(): number {
    const { first, last } = this.#options;
    const part = Math.floor((last.w3 - first.w3 + 1) * MAX_PART_PER_PORT);
    return Math.max(1, Math.min(MAX_PER_PORT, part));
  }

  /**
   * Room for a lease behind the port that asks: whether there is, or which one ends for it, what was renewed longest ago
   * of the guests that are heard no more. Undefined: all are heard.
   */
  #roomFor(mac: MacAddress): 'free' | Lease | undefined {
    const { origin, isHeard } = this.#options;
    const port = origin?.();
    if (port === undefined || this.#byMac.get(mac)?.isStatic === true) return 'free';
    let count = 0;
    let oldest: Lease | undefined;
    for (const lease of this.#byMac.values()) {
      if (lease.port !== port || lease.mac === mac || lease.isStatic || this.hasExpired(lease)) continue;
      count++;
      if (isHeard?.(lease.mac) === true) continue;
      if (oldest === undefined || lease.expiresAtMs < oldest.expiresAtMs) oldest = lease;
    }
    return count < this.#maxPerPort ? 'free' : oldest;
  }

  /** Another guest's old address is taken only when none is untouched. */
  #takeOldest(): IpAddress | undefined {
    let oldest: Lease | undefined;
    for (const lease of this.#byMac.values()) {
      const isOver = this.hasExpired(lease) || (!lease.isStatic && this.#isGone(lease));
      if (!isOver || !this.#isInRange(lease.address.w3)) continue;
      if (oldest === undefined || lease.expiresAtMs < oldest.expiresAtMs) oldest = lease;
    }
    if (oldest !== undefined) this.#drop(oldest);
    return oldest?.address;
  }

  /** What was declined first, so that who declines all there is leaves others something; they look for themselves. */
  #reclaim(): IpAddress | undefined {
    for (const value of this.#declinedUntilMs.keys()) {
      this.#declinedUntilMs.delete(value);
      if (this.#isFree(value)) return IpAddress.v4(value);
    }
    return undefined;
  }

  #isInRange(value: number): boolean {
    const { first, last } = this.#options;
    return value >>> 0 >= first.w3 >>> 0 && value >>> 0 <= last.w3 >>> 0;
  }

  /** What is requested if that can be, or the lowest: none that waits for another guest's answer, or that one uses by hand. */
  #freeFor(mac: MacAddress, requested: IpAddress | undefined): IpAddress | undefined {
    const { now, isUsed } = this.#options;
    const isOpen = (value: number): boolean => {
      if (isUsed?.(value, mac) === true) return false;
      const offer = this.#offers.get(value);
      return offer === undefined || offer.mac === mac || offer.untilMs <= now();
    };
    if (requested !== undefined && this.#isInRange(requested.w3) && this.#isFree(requested.w3)) {
      if (isOpen(requested.w3)) return requested;
    }
    return this.#lowestFree(isOpen);
  }

  #lowestFree(suits: (value: number) => boolean): IpAddress | undefined {
    const { first, last } = this.#options;
    for (let value = first.w3 >>> 0; value <= last.w3 >>> 0; value++)
      if (this.#isFree(value | 0) && suits(value | 0)) return IpAddress.v4(value);
    return undefined;
  }

  #isFree(value: number): boolean {
    if (this.#byAddress.has(value) || this.#options.reserved.some((own) => own.w3 === value)) return false;
    const until = this.#declinedUntilMs.get(value);
    if (until === undefined) return true;
    if (until > this.#options.now()) return false;
    this.#declinedUntilMs.delete(value);
    return true;
  }

  #isGone({ mac, leftAtMs }: Lease): boolean {
    const { now, isHeard } = this.#options;
    return leftAtMs !== undefined && now() - leftAtMs >= GONE_MS && isHeard?.(mac) !== true;
  }

  #whereabouts(): Pick<Lease, 'port'> {
    const port = this.#options.origin?.();
    return port === undefined ? {} : { port };
  }

  /** A name that is new to a guest, or whose lease has run out, is claimed after all others' that have it. */
  #claim(lease: Lease): void {
    const known = this.#byMac.get(lease.mac);
    if (known !== undefined && (known.hostName !== lease.hostName || this.hasExpired(known)))
      this.#drop(known);
    this.#put(lease);
  }

  #put(lease: Lease): void {
    this.#offers.delete(lease.address.w3);
    const old = this.#byMac.get(lease.mac);
    if (old !== undefined) this.#byAddress.delete(old.address.w3);
    this.#byMac.set(lease.mac, lease);
    this.#byAddress.set(lease.address.w3, lease.mac);
  }

  #drop(lease: Lease): void {
    this.#byMac.delete(lease.mac);
    this.#byAddress.delete(lease.address.w3);
  }

  #changed(): void {
    // A machine's fixed address comes back as an ordinary lease until the machine says who it is.
    const wholeLease = this.#options.wallMs() + this.#options.leaseMs;
    this.#options.store?.save(
      [...this.#byMac.values()].map((lease) => ({
        ...lease,
        isStatic: false,
        expiresAtMs: lease.isStatic ? wholeLease : this.wallExpiryMs(lease),
      })),
    );
    this.onChange?.();
  }
}
