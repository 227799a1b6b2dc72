import type { HostSockets } from '../host/host-sockets.ts';
import { WOULD_BLOCK } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { UpstreamServer } from './resolv-conf.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';

export interface ForwardingResolverOptions {
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
  /** Asked for each query: the host's servers may change. */
  readonly servers: () => readonly UpstreamServer[];
  /** For each server, before the next is asked. @default 2000 */
  readonly timeoutMs?: number;
}

/** Passes queries as they are to the host's servers, by the transport that the guest used. */
export class ForwardingResolver implements DnsResolver {
  readonly #options: ForwardingResolverOptions;

  constructor(options: ForwardingResolverOptions) {
    this.#options = options;
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    for (const server of this.#options.servers()) {
      if (options.signal.aborted) return undefined;
      const answer = await (query.transport === 'udp'
        ? this.#askUdp(query, server)
        : this.#askTcp(query, server));
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #askUdp(query: DnsQuery, server: UpstreamServer): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: Uint8Array | undefined) => {
        cancel();
        socket.close();
        resolve(answer);
      };
      const cancel = this.#options.scheduler.after(this.#options.timeoutMs ?? 2000, () => finish(undefined));
      // A socket for each query: its port is a secret that an off-path forger has to guess (RFC 5452).
      const socket = this.#options.sockets.openDatagram(server.address.version, {
        onDatagram: (payload, address, port) => {
          if (port !== server.port || !address.equals(server.address)) return;
          if (payload[0] !== query.message[0] || payload[1] !== query.message[1]) return;
          finish(payload.slice());
        },
        onFailed: () => finish(undefined),
      });
      if (socket.send(query.message, server.address, server.port) !== undefined) finish(undefined);
    });
  }

  #askTcp(query: DnsQuery, server: UpstreamServer): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const received: number[] = [];
      const finish = (answer: Uint8Array | undefined) => {
        cancel();
        stream.close();
        resolve(answer);
      };
      const cancel = this.#options.scheduler.after(this.#options.timeoutMs ?? 2000, () => finish(undefined));
      const chunk = new Uint8Array(16_384);
      const stream = this.#options.sockets.connect(
        { kind: 'ip', ...server },
        {
          onOpen: () => {
            const { message } = query;
            stream.write(Uint8Array.from([message.length >>> 8, message.length & 0xff, ...message]));
            stream.wantRead(true);
          },
          onReadable: () => {
            const count = stream.read(chunk);
            if (count === WOULD_BLOCK) return;
            if (count === 0) return finish(undefined);
            received.push(...chunk.subarray(0, count));
            const length = ((received[0] ?? 0) << 8) | (received[1] ?? 0);
            if (received.length >= 2 + length && received.length > 2) {
              finish(Uint8Array.from(received.slice(2, 2 + length)));
            }
          },
          onWritable: () => {},
          onFailed: () => finish(undefined),
        },
      );
    });
  }
}
