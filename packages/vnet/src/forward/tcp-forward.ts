import { ChurnSet, OrlopError } from '@orlop/core';
import type { IpAddress, TcpService } from '@orlop/netstack';
import type { HostListener, HostSockets, HostStream, HostStreamEvents } from '../host/host-sockets.ts';
import type { ReadSlab } from '../nat/read-slab.ts';
import { Relay, type RelayQueue } from '../nat/relay.ts';
import {
  ForwardStats,
  type ForwardTarget,
  GUEST_SYN_RETRIES,
  type ResolveGuest,
  type RunningForward,
  type ToGuest,
} from './forward.ts';
import { proxyHeader } from './proxy-header.ts';

export interface TcpForwardOptions {
  readonly tcp: TcpService;
  readonly sockets: HostSockets;
  readonly queue: RelayQueue;
  readonly slab: ReadSlab;
  readonly resolveGuest: ResolveGuest;
  /** From where the guest sees connections come, by the family of its address. */
  readonly sourceFor: (guest: IpAddress) => IpAddress | undefined;
  /** Connections of one forward at once. @default 4096 */
  readonly maxConnections?: number;
}

const IGNORED: HostStreamEvents = {
  onOpen: () => {},
  onReadable: () => {},
  onWritable: () => {},
  onFailed: () => {},
};

/**
 * Listens on the host and joins each connection to one to the guest.
 *
 * @throws OrlopError `vnet.bind-failed`
 */
export async function startTcpForward(spec: ToGuest, options: TcpForwardOptions): Promise<RunningForward> {
  const forward = new TcpForward(spec, options);
  forward.listener = await options.sockets.listen(spec.listen, (stream) => forward.onClient(stream));
  return forward;
}

class TcpForward implements RunningForward {
  readonly stats = new ForwardStats();
  listener: HostListener | undefined = undefined;
  readonly #spec: ToGuest;
  readonly #options: TcpForwardOptions;
  readonly #relays = new ChurnSet<Relay>();
  #target: ForwardTarget;

  constructor(spec: ToGuest, options: TcpForwardOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#target = spec;
  }

  get local() {
    return this.listener?.local;
  }

  lead(to: ForwardTarget): void {
    this.#target = to;
    this.stats.lastError = undefined;
    for (const relay of this.#relays) relay.abort();
  }

  close(): void {
    this.listener?.close();
    for (const relay of this.#relays) relay.abort();
  }

  onClient(stream: HostStream): HostStreamEvents {
    const { maxConnections = 4096 } = this.#options;
    const why = this.#relays.size < maxConnections ? this.#connect(stream) : 'too many';
    if (why instanceof Relay) return why.hostEvents;
    this.stats.fail(why);
    stream.reset();
    return IGNORED;
  }

  /** @returns the connection, or why there is none */
  #connect(stream: HostStream): Relay | string {
    this.stats.connections++;
    const { port, greeting } = this.#target;
    const guest = this.#options.resolveGuest(this.#target.guest);
    if (typeof guest === 'string') return guest;
    const source = this.#options.sourceFor(guest);
    try {
      const local = source === undefined ? {} : { local: { address: source } };
      const remote = { address: guest, port };
      const socket = this.#options.tcp.connect(
        { remote, ...local, synRetries: GUEST_SYN_RETRIES, socket: { noDelay: true } },
        {},
      );
      const preamble = this.#preamble(stream, greeting);
      const relay = new Relay(socket, stream, {
        queue: this.#options.queue,
        slab: this.#options.slab,
        ...(preamble !== undefined && { preamble }),
        onClosed: ({ failure }) => {
          this.#relays.delete(relay);
          this.stats.end(socket);
          if (failure !== undefined && failure !== 'reset' && failure !== 'aborted')
            this.stats.fail(`${guest}:${port}: ${failure}`);
        },
      });
      socket.handler = relay;
      this.#relays.add(relay);
      this.stats.begin(socket);
      return relay;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      return error.message;
    }
  }

  #preamble(stream: HostStream, greeting: string | undefined): Uint8Array | undefined {
    const { proxyProtocol } = this.#spec;
    if (proxyProtocol !== undefined) return proxyHeader(proxyProtocol, stream.remote, stream.local);
    return greeting === undefined ? undefined : new TextEncoder().encode(greeting);
  }
}
