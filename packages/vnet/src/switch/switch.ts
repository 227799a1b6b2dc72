import type { FrameSink } from '@orlop/netstack';
import type { MacAddress } from '@orlop/wire';
import { vnetError } from '../errors.ts';
import { ETHERNET_HEADER_LEN, type Link, type LinkHandler } from '../link/link.ts';
import { MacTable, readMacKey } from './mac-table.ts';
import { Port } from './port.ts';
import { sendFrame } from './segment-cutter.ts';
import { StationSink } from './station-sink.ts';
import { TokenBucket } from './token-bucket.ts';

/** The one member of the segment that is not behind a link: the gateway. */
export interface Station {
  readonly mac: Uint8Array;
  /** A frame for its address or for a group; the bytes are valid during the call only. */
  receive(frame: Uint8Array, offset: number, length: number, from: Port): void;
  /** A batch is over: answer into the sink given by {@link Switch.stationSink}. */
  poll(): void;
}

/** Sees every frame that enters or leaves by a port; for captures. */
export interface FrameObserver {
  onFrame(port: Port, direction: 'in' | 'out', frame: Uint8Array, offset: number, length: number): void;
}

/** Judges what guests send, before anybody gets it. */
export interface FrameGuard {
  admits(frame: Uint8Array, offset: number, length: number, from: Port): boolean;
  /** The port was unplugged. */
  forgetPort(port: Port): void;
}

export interface SwitchOptions {
  readonly now: () => number;
  /** @default 64 */
  readonly maxPorts?: number;
  /** Source addresses behind one port. @default 64 */
  readonly maxMacsPerPort?: number;
  /** Broadcasts, multicasts and unknown destinations that one port may send in a second. @default 5000 */
  readonly floodsPerSecond?: number;
  /** @default every frame passes */
  readonly guard?: FrameGuard;
}

export interface PortEvents {
  /** `macs` are the addresses that were behind the port. */
  onClosed(port: Port, reason: string, macs: ReadonlySet<number>): void;
}

/** Ethernet's header and an 802.1Q tag: what a frame has beyond its IP packet. */
const FRAME_OVERHEAD = ETHERNET_HEADER_LEN + 4;
/** Headers of Ethernet, IPv4 and TCP without options: what a segment cut from a larger one has at least. */
const MIN_HEADERS_LEN = ETHERNET_HEADER_LEN + 40;
const AGE_INTERVAL_MS = 10_000;

/** A learning switch between links and one station. Nothing is allocated per frame. */
export class Switch {
  /** Set while something records. */
  observer: FrameObserver | undefined = undefined;
  readonly #ports = new Map<number, Port>();
  readonly #macs: MacTable<Port>;
  readonly #station: Station;
  readonly #stationKey: number;
  readonly #sink: StationSink;
  readonly #dirty: Port[] = [];
  readonly #now: () => number;
  readonly #options: SwitchOptions;
  #nextId = 1;
  #nextAgeMs: number;

  constructor(station: Station, options: SwitchOptions) {
    this.#station = station;
    this.#stationKey = readMacKey(station.mac, 0);
    this.#options = options;
    this.#now = options.now;
    this.#macs = new MacTable(options.maxMacsPerPort ?? 64);
    this.#nextAgeMs = options.now() + AGE_INTERVAL_MS;
    this.#sink = new StationSink(
      (frame, length, segmentSize) => this.#route(frame, 0, length, undefined, segmentSize),
      (frame, offset) => this.#macs.lookup(frame, offset),
      (port, frame, offset, length) => this.#sent(port, frame, offset, length),
      options.now,
    );
  }

  /** Where the station writes its frames. */
  get stationSink(): FrameSink {
    return this.#sink;
  }

  /**
   * Where another port has the name, its number is added: who counts or records by names finds each.
   *
   * @throws OrlopError `vnet.link-failed` when the switch is full
   */
  attach(link: Link, name: string, events: PortEvents): Port {
    const maxPorts = this.#options.maxPorts ?? 64;
    if (this.#ports.size >= maxPorts) {
      throw vnetError('vnet.link-failed', `the switch has ${maxPorts} ports and all are taken`);
    }
    const floods = this.#options.floodsPerSecond ?? 5000;
    const id = this.#nextId++;
    const isTaken = [...this.#ports.values()].some((other) => other.name === name);
    const ownName = isTaken ? `${name} #${id}` : name;
    const port = new Port(id, ownName, link, new TokenBucket(floods, floods, this.#now()));
    this.#ports.set(port.id, port);
    link.open(this.#handlerOf(port, events));
    return port;
  }

  /** Unplugs and closes the link. */
  detach(port: Port): void {
    this.#unplug(port);
    port.link.close();
  }

  ports(): IterableIterator<Port> {
    return this.#ports.values();
  }

  /** Calls back for each address that is heard for the first time, or again after long silence. */
  set onHeard(listener: ((mac: number, port: Port) => void) | undefined) {
    this.#macs.onHeard = listener;
  }

  macs(): IterableIterator<{ readonly mac: string; readonly port: Port; readonly seenAtMs: number }> {
    return this.#macs.list();
  }

  /** Where an address was last seen. */
  portOf(mac: Uint8Array): Port | undefined {
    return this.#macs.lookup(mac, 0);
  }

  /** The same, by the address as one number. */
  portOfMac(mac: MacAddress): Port | undefined {
    return this.#macs.find(mac);
  }

  /** Hands what is written to the links; after every batch and every `poll` of the station outside one. */
  flush(): void {
    for (let port = this.#dirty.pop(); port !== undefined; port = this.#dirty.pop()) {
      port.dirty = false;
      port.link.flush();
    }
  }

  #handlerOf(port: Port, events: PortEvents): LinkHandler {
    return {
      onFrame: (frame, offset, length, segmentSize) =>
        this.#receive(frame, offset, length, port, segmentSize),
      onBatchEnd: () => this.#turn(),
      onDrained: () => {
        port.blockedSinceMs = undefined;
        this.#turn();
      },
      onClosed: (reason) => {
        const macs = this.#macs.ofPort(port);
        this.#unplug(port);
        events.onClosed(port, reason, macs);
      },
    };
  }

  #turn(): void {
    this.#station.poll();
    this.flush();
    const now = this.#now();
    if (now < this.#nextAgeMs) return;
    this.#nextAgeMs = now + AGE_INTERVAL_MS;
    this.#macs.age(now);
  }

  #unplug(port: Port): void {
    this.#ports.delete(port.id);
    this.#macs.forgetPort(port);
    this.#options.guard?.forgetPort(port);
    this.#sink.forget(port);
  }

  #receive(
    frame: Uint8Array,
    offset: number,
    length: number,
    port: Port,
    segmentSize: number | undefined,
  ): void {
    this.observer?.onFrame(port, 'in', frame, offset, length);
    const source = offset + 6;
    if (((frame[source] ?? 0) & 1) === 1 || readMacKey(frame, source) === this.#stationKey) {
      port.drops['spoofed-mac']++;
      return;
    }
    const learned = this.#macs.learn(frame, source, port, this.#now());
    if (learned !== 'learned') {
      port.drops[learned === 'full' ? 'mac-limit' : 'spoofed-mac']++;
      return;
    }
    if (this.#options.guard?.admits(frame, offset, length, port) === false) {
      port.drops['spoofed-address']++;
      return;
    }
    if (readMacKey(frame, offset) === this.#stationKey) this.#station.receive(frame, offset, length, port);
    else this.#route(frame, offset, length, port, segmentSize);
  }

  /** `from` is undefined for the station. */
  #route(
    frame: Uint8Array,
    offset: number,
    length: number,
    from: Port | undefined,
    segmentSize?: number | undefined,
  ): void {
    const isGroup = ((frame[offset] ?? 0) & 1) === 1;
    const target = isGroup ? undefined : this.#macs.lookup(frame, offset);
    if (target !== undefined) {
      if (target !== from) this.#send(target, frame, offset, length, segmentSize);
      return;
    }
    if (from !== undefined && !from.floodAllowance.take(this.#now())) {
      from.drops['broadcast-limit']++;
      return;
    }
    for (const port of this.#ports.values())
      if (port !== from) this.#send(port, frame, offset, length, segmentSize);
    if (from !== undefined && isGroup) this.#station.receive(frame, offset, length, from);
  }

  #send(port: Port, frame: Uint8Array, offset: number, length: number, segmentSize?: number): void {
    const isCut = segmentSize !== undefined && segmentSize > 0;
    const largest = isCut ? Math.min(length, segmentSize + MIN_HEADERS_LEN) : length;
    if (largest > port.link.mtu + FRAME_OVERHEAD) {
      port.drops['too-big']++;
      return;
    }
    const result = sendFrame(port.link, frame, { offset, length, segmentSize });
    if (result === 'sent') this.#sent(port, frame, offset, length);
    else port.drops[result === 'full' ? 'queue-full' : 'bad-offload']++;
  }

  #sent(port: Port, frame: Uint8Array, offset: number, length: number): void {
    this.observer?.onFrame(port, 'out', frame, offset, length);
    if (port.dirty) return;
    port.dirty = true;
    this.#dirty.push(port);
  }
}
