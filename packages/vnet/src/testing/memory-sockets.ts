import { IpAddress } from '@orlop/netstack';
import { vnetError } from '../errors.ts';
import { formatHostEndpoint } from '../host/endpoint-text.ts';
import {
  type HostDatagramEvents,
  type HostDatagramSocket,
  type HostEchoEvents,
  type HostEchoSocket,
  type HostEndpoint,
  type HostFailure,
  type HostSockets,
  type HostStream,
  type HostStreamEvents,
  WOULD_BLOCK,
} from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';

const BUFFER_BYTES = 64 * 1024;
const OWN_ADDRESS = IpAddress.v4(0x7f000001);

/** A host and its world in memory: what is listened to can be connected to; all else fails as told. */
export class MemorySockets implements HostSockets {
  readonly kind = 'memory';
  /** How connections to an endpoint end that nobody listens on, @default 'refused'; and echo requests to an address. */
  readonly failures = new Map<string, HostFailure>();
  /** Endpoints that never answer. */
  readonly silent = new Set<string>();
  /** Addresses that answer echo requests. */
  readonly echoing = new Set<string>();
  datagramsSent = 0;
  readonly #scheduler: Scheduler;
  readonly #listeners = new Map<string, (stream: HostStream) => HostStreamEvents>();
  readonly #datagrams = new Map<string, MemoryDatagram>();
  #nextPort = 40_000;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get openDatagrams(): number {
    return this.#datagrams.size;
  }

  connect(endpoint: HostEndpoint, events: HostStreamEvents): HostStream {
    const key = formatHostEndpoint(endpoint);
    const local: HostEndpoint = { kind: 'ip', address: OWN_ADDRESS, port: this.#nextPort++ };
    const [own, other] = streamPair(this.#scheduler, endpoint, local);
    own.attach(events);
    this.#scheduler.soon(() => {
      if (own.closed || this.silent.has(key)) return;
      const accept = this.#listeners.get(key);
      if (accept === undefined) {
        own.fail(this.failures.get(key) ?? 'refused');
        return;
      }
      other.attach(accept(other));
      own.opened();
    });
    return own;
  }

  async listen(endpoint: HostEndpoint, onConnection: (stream: HostStream) => HostStreamEvents) {
    const bound =
      endpoint.kind === 'ip' && endpoint.port === 0 ? { ...endpoint, port: this.#nextPort++ } : endpoint;
    const key = formatHostEndpoint(bound);
    if (this.#listeners.has(key))
      throw vnetError('vnet.bind-failed', `cannot listen on ${key}: address-in-use`);
    this.#listeners.set(key, onConnection);
    return {
      local: bound,
      close: () => {
        this.#listeners.delete(key);
      },
    };
  }

  openDatagram(family: 4 | 6, events: HostDatagramEvents): HostDatagramSocket {
    const address = family === 4 ? OWN_ADDRESS : IpAddress.v6(0, 0, 0, 1);
    return this.#datagram(address, this.#nextPort++, events);
  }

  async bindDatagram(
    address: IpAddress,
    port: number,
    events: HostDatagramEvents,
  ): Promise<HostDatagramSocket> {
    const chosen = port === 0 ? this.#nextPort++ : port;
    const key = formatHostEndpoint({ kind: 'ip', address, port: chosen });
    if (this.#datagrams.has(key))
      throw vnetError('vnet.bind-failed', `cannot listen on ${key}: address-in-use`);
    return this.#datagram(address, chosen, events);
  }

  openEcho(_family: 4 | 6, events: HostEchoEvents): HostEchoSocket | undefined {
    return {
      send: (sequence: number, payload: Uint8Array, address: IpAddress): HostFailure | undefined => {
        const copy = payload.slice();
        const failure = this.failures.get(address.toString());
        if (this.echoing.has(address.toString())) {
          this.#scheduler.soon(() => events.onReply(sequence, copy, address));
        } else if (failure !== undefined) {
          this.#scheduler.soon(() => events.onFailed(sequence, failure));
        }
        return undefined;
      },
      close: () => {},
    };
  }

  #datagram(address: IpAddress, port: number, events: HostDatagramEvents): HostDatagramSocket {
    const key = formatHostEndpoint({ kind: 'ip', address, port });
    const socket = new MemoryDatagram({ address, port }, events, {
      deliver: (payload, from, to) => {
        this.datagramsSent++;
        const target = formatHostEndpoint({ kind: 'ip', ...to });
        this.#scheduler.soon(() => {
          const receiver = this.#datagrams.get(target);
          if (receiver === undefined)
            this.#datagrams.get(key)?.events.onFailed('refused', to.address, to.port);
          else receiver.events.onDatagram(payload, from.address, from.port);
        });
      },
      closed: () => this.#datagrams.delete(key),
    });
    this.#datagrams.set(key, socket);
    return socket;
  }
}

interface DatagramWorld {
  deliver(payload: Uint8Array, from: Where, to: Where): void;
  closed(): void;
}

interface Where {
  readonly address: IpAddress;
  readonly port: number;
}

class MemoryDatagram implements HostDatagramSocket {
  readonly events: HostDatagramEvents;
  readonly #own: Where;
  readonly #world: DatagramWorld;

  constructor(own: Where, events: HostDatagramEvents, world: DatagramWorld) {
    this.#own = own;
    this.events = events;
    this.#world = world;
  }

  get local(): HostEndpoint {
    return { kind: 'ip', ...this.#own };
  }

  send(payload: Uint8Array, address: IpAddress, port: number): HostFailure | undefined {
    this.#world.deliver(payload.slice(), this.#own, { address, port });
    return undefined;
  }

  close(): void {
    this.#world.closed();
  }
}

function streamPair(
  scheduler: Scheduler,
  server: HostEndpoint,
  client: HostEndpoint,
): [MemoryStream, MemoryStream] {
  const own = new MemoryStream(scheduler, server, client);
  const other = new MemoryStream(scheduler, client, server);
  own.join(other);
  other.join(own);
  return [own, other];
}

/** One end of a connection in memory, with a bounded buffer each way. */
export class MemoryStream implements HostStream {
  readonly remote: HostEndpoint;
  readonly local: HostEndpoint;
  closed = false;
  readonly #scheduler: Scheduler;
  #events: HostStreamEvents | undefined;
  #other: MemoryStream | undefined;
  #incoming: Uint8Array[] = [];
  #incomingBytes = 0;
  #open = false;
  #ended = false;
  #wantRead = false;
  #wantWrite = false;

  constructor(scheduler: Scheduler, remote: HostEndpoint, local: HostEndpoint) {
    this.#scheduler = scheduler;
    this.remote = remote;
    this.local = local;
  }

  join(other: MemoryStream): void {
    this.#other = other;
  }

  get isOpen(): boolean {
    return this.#open && !this.closed;
  }

  attach(events: HostStreamEvents): void {
    this.#events = events;
  }

  opened(): void {
    this.#open = true;
    if (this.#other !== undefined) this.#other.#open = true;
    this.#events?.onOpen();
  }

  fail(failure: HostFailure): void {
    if (this.closed) return;
    this.closed = true;
    const events = this.#events;
    this.#events = undefined;
    events?.onFailed(failure);
  }

  read(into: Uint8Array): number {
    const chunk = this.#incoming[0];
    if (chunk === undefined) return this.#ended ? 0 : WOULD_BLOCK;
    const count = Math.min(into.length, chunk.length);
    into.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#incoming.shift();
    else this.#incoming[0] = chunk.subarray(count);
    this.#incomingBytes -= count;
    this.#other?.hasRoom();
    this.#announce();
    return count;
  }

  write(from: Uint8Array, at = 0, length = from.length - at): number {
    const other = this.#other;
    if (!this.#open || this.closed || other === undefined) {
      this.#wantWrite = true;
      return 0;
    }
    const count = Math.min(length, BUFFER_BYTES - other.#incomingBytes);
    if (count < length) this.#wantWrite = true;
    if (count > 0) other.arrive(from.slice(at, at + count));
    return count;
  }

  wantRead(want: boolean): void {
    this.#wantRead = want;
    this.#announce();
  }

  end(): void {
    const other = this.#other;
    if (other === undefined) return;
    this.#scheduler.soon(() => {
      other.#ended = true;
      other.#announce();
    });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#events = undefined;
    this.end();
  }

  reset(): void {
    if (this.closed) return;
    this.closed = true;
    this.#events = undefined;
    const other = this.#other;
    this.#scheduler.soon(() => other?.fail('reset'));
  }

  arrive(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#incomingBytes += bytes.length;
    this.#announce();
  }

  hasRoom(): void {
    if (!this.#wantWrite) return;
    this.#wantWrite = false;
    this.#scheduler.soon(() => this.#events?.onWritable());
  }

  #announce(): void {
    if (!this.#wantRead || (this.#incoming.length === 0 && !this.#ended)) return;
    this.#scheduler.soon(() => {
      if (this.#wantRead && (this.#incoming.length > 0 || this.#ended)) this.#events?.onReadable();
    });
  }
}
