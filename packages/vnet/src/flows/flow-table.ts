import type { Endpoint, TcpSocket } from '@orlop/netstack';
import type { VirtualNetwork } from '../virtual-network.ts';

/** One conversation of a guest with the outside, as tables and scripts get it. */
export interface FlowRow {
  /** For `drop`; undefined where the gateway itself is one side. */
  readonly id: string | undefined;
  readonly protocol: 'tcp' | 'udp';
  /** `out`: the guest began. `in`: it came by a forward. */
  readonly direction: 'out' | 'in';
  readonly guest: string;
  readonly guestName: string | undefined;
  /** As the guest sees it. */
  readonly peer: string;
  /** A name under which guests learned the peer's address. */
  readonly peerName: string | undefined;
  readonly state: string;
  readonly bytesFromGuest: number;
  readonly bytesToGuest: number;
  readonly rttMs: number | undefined;
  readonly retransmits: number;
  readonly ageMs: number | undefined;
  readonly idleMs: number | undefined;
}

export interface FlowTableOptions {
  readonly network: VirtualNetwork;
  readonly now: () => number;
  readonly nameOf: (endpoint: Endpoint) => string | undefined;
}

/** Reads the flows of a network; nothing is kept here. */
export class FlowTable {
  readonly #options: FlowTableOptions;

  constructor(options: FlowTableOptions) {
    this.#options = options;
  }

  *rows(): IterableIterator<FlowRow> {
    yield* this.#tcp();
    yield* this.#udp();
  }

  /** Ends a flow, with a reset on both sides where it is TCP. False when there is none of that id. */
  drop(id: string): boolean {
    const [kind, number] = [id.slice(0, 1), Number(id.slice(1))];
    const { tcpNat, udpNat } = this.#options.network;
    if (kind === 't') return tcpNat.drop(number);
    return kind === 'u' && udpNat.drop(number);
  }

  *#tcp(): IterableIterator<FlowRow> {
    const { network, now } = this.#options;
    const translated = new Set<string>();
    for (const flow of network.tcpNat.flows()) {
      const key = `${flow.guest.address} ${flow.guest.port} ${flow.destination.address} ${flow.destination.port}`;
      translated.add(key);
      yield {
        ...this.#sides(flow.guest, flow.destination),
        id: `t${flow.id}`,
        protocol: 'tcp',
        direction: 'out',
        state: flow.info?.state ?? flow.state,
        bytesFromGuest: flow.info?.bytesIn ?? 0,
        bytesToGuest: flow.info?.bytesOut ?? 0,
        rttMs: flow.info?.smoothedRttMs,
        retransmits: flow.info?.retransmittedSegments ?? 0,
        ageMs: now() - flow.startedAtMs,
        idleMs: undefined,
      };
    }
    for (const socket of network.stack.tcp.connections()) {
      const { local, remote } = socket;
      if (translated.has(`${remote.address} ${remote.port} ${local.address} ${local.port}`)) continue;
      yield this.#ofStack(socket);
    }
  }

  /** Forwards, and guests that talk with the gateway's own services. */
  #ofStack(socket: TcpSocket): FlowRow {
    const info = socket.info();
    return {
      ...this.#sides(socket.remote, socket.local),
      id: undefined,
      protocol: 'tcp',
      direction: socket.local.port >= FIRST_EPHEMERAL_PORT ? 'in' : 'out',
      state: info.state,
      bytesFromGuest: info.bytesIn,
      bytesToGuest: info.bytesOut,
      rttMs: info.smoothedRttMs,
      retransmits: info.retransmittedSegments,
      ageMs: undefined,
      idleMs: undefined,
    };
  }

  *#udp(): IterableIterator<FlowRow> {
    const { network, now } = this.#options;
    for (const flow of network.udpNat.flows()) {
      yield {
        ...this.#sides(flow.guest, flow.destination),
        id: `u${flow.id}`,
        protocol: 'udp',
        direction: 'out',
        state: flow.datagramsIn > 0 ? 'answered' : 'unanswered',
        bytesFromGuest: flow.bytesOut,
        bytesToGuest: flow.bytesIn,
        rttMs: undefined,
        retransmits: 0,
        ageMs: now() - flow.startedAtMs,
        idleMs: flow.idleMs,
      };
    }
  }

  #sides(guest: Endpoint, peer: Endpoint): Pick<FlowRow, 'guest' | 'guestName' | 'peer' | 'peerName'> {
    const lease = this.#options.network.leases.findByAddress(guest.address);
    return {
      guest: formatEndpoint(guest),
      guestName: lease === undefined || lease.hostName === '' ? undefined : lease.hostName,
      peer: formatEndpoint(peer),
      peerName: this.#options.nameOf(peer),
    };
  }
}

/** RFC 6335 §6: what the stack connects from, forwards included. */
const FIRST_EPHEMERAL_PORT = 49_152;

export function formatEndpoint({ address, port }: Endpoint): string {
  return address.version === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
