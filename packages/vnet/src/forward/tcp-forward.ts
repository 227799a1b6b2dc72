import { OrlopError } from '@orlop/core';
import type { IpAddress, TcpService } from '@orlop/netstack';
import type { HostSockets, HostStream, HostStreamEvents } from '../host/host-sockets.ts';
import type { ReadSlab } from '../nat/read-slab.ts';
import { Relay, type RelayQueue } from '../nat/relay.ts';
import {
  type ForwardSpec,
  ForwardStats,
  type ForwardTarget,
  type ResolveGuest,
  type RunningForward,
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

type ToGuest = Extract<ForwardSpec, { kind: 'to-guest' }>;

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
  const stats = new ForwardStats();
  const relays = new Set<Relay>();
  let target: ForwardTarget = spec;
  const listener = await options.sockets.listen(spec.listen, (stream) => {
    const relay =
      relays.size < (options.maxConnections ?? 4096) ? connect(stream) : refuse(stream, 'too many');
    return relay?.hostEvents ?? IGNORED;
  });

  function connect(stream: HostStream): Relay | undefined {
    stats.connections++;
    const { port, greeting } = target;
    const guest = options.resolveGuest(target.guest);
    if (typeof guest === 'string') return refuse(stream, guest);
    const source = options.sourceFor(guest);
    try {
      const socket = options.tcp.connect(
        {
          remote: { address: guest, port },
          ...(source !== undefined && { local: { address: source } }),
          socket: { noDelay: true },
        },
        {},
      );
      const relay = new Relay(socket, stream, {
        queue: options.queue,
        slab: options.slab,
        ...(greeting !== undefined && { preamble: new TextEncoder().encode(greeting) }),
        ...(spec.proxyProtocol !== undefined && {
          preamble: proxyHeader(spec.proxyProtocol, stream.remote, stream.local),
        }),
        onClosed: ({ failure }) => {
          relays.delete(relay);
          stats.end(socket);
          if (failure !== undefined && failure !== 'reset' && failure !== 'aborted') {
            stats.fail(`${guest}:${port}: ${failure}`);
          }
        },
      });
      socket.handler = relay;
      relays.add(relay);
      stats.begin(socket);
      return relay;
    } catch (error) {
      if (!(error instanceof OrlopError)) throw error;
      return refuse(stream, error.message);
    }
  }

  function refuse(stream: HostStream, why: string): undefined {
    stats.fail(why);
    stream.reset();
    return undefined;
  }

  return {
    local: listener.local,
    stats,
    lead: (to) => {
      target = to;
      stats.lastError = undefined;
      for (const relay of relays) relay.abort();
    },
    close: () => {
      listener.close();
      for (const relay of relays) relay.abort();
    },
  };
}
