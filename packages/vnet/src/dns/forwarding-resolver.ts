import type { HostSockets } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import { questionKey, walkDnsMessage } from './raw-message.ts';
import type { UpstreamServer } from './resolv-conf.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { SocketLine } from './socket-line.ts';
import { askTcp } from './tcp-exchange.ts';

export interface ForwardingResolverOptions {
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
  /** Asked for each query: the host's servers may change. */
  readonly servers: () => readonly UpstreamServer[];
  /** For each question to a server, before the next is asked. @default 2000 */
  readonly timeoutMs?: number;
  /** How often the list of servers is gone through. @default 2 */
  readonly attempts?: number;
  /** Sockets at once, for as many questions; others wait for them. @default 512 */
  readonly maxSockets?: number;
}

export interface ForwardingCounters {
  asked: number;
  answered: number;
  timedOut: number;
  /** Servers that failed or refused, so that the next was asked. */
  passedOver: number;
}

const SERVER_FAILURE = 2;
const REFUSED = 5;

/** Passes queries as they are to the host's servers, by the transport that the guest used. */
export class ForwardingResolver implements DnsResolver {
  readonly counters: ForwardingCounters = { asked: 0, answered: 0, timedOut: 0, passedOver: 0 };
  readonly #options: ForwardingResolverOptions;
  /** The server that answered last is asked first. */
  #preferred: string | undefined;
  readonly #line: SocketLine;

  constructor(options: ForwardingResolverOptions) {
    this.#options = options;
    this.#line = new SocketLine(options.maxSockets ?? 512);
  }

  async resolve(query: DnsQuery, options: { readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    let failure: Uint8Array | undefined;
    for (let attempt = 0; attempt < (this.#options.attempts ?? 2); attempt++) {
      for (const server of this.#serversInOrder()) {
        if (options.signal.aborted) return undefined;
        this.counters.asked++;
        const answer = await this.#askInTurn(query, server).catch(() => undefined);
        if (answer === undefined) {
          this.counters.timedOut++;
          continue;
        }
        const code = (answer[3] ?? 0) & 0x0f;
        if (code !== SERVER_FAILURE && code !== REFUSED) {
          this.counters.answered++;
          this.#preferred = keyOf(server);
          return answer;
        }
        this.counters.passedOver++;
        failure ??= answer;
      }
      // Who says that it cannot will not soon say otherwise.
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #serversInOrder(): readonly UpstreamServer[] {
    const servers = this.#options.servers();
    const first = servers.find((server) => keyOf(server) === this.#preferred);
    return first === undefined ? servers : [first, ...servers.filter((server) => server !== first)];
  }

  async #askInTurn(query: DnsQuery, server: UpstreamServer): Promise<Uint8Array | undefined> {
    const owner = query.owner ?? query.guest.toString();
    await this.#line.enter(owner);
    try {
      return await this.#ask(query, server);
    } finally {
      this.#line.leave(owner);
    }
  }

  #ask(query: DnsQuery, server: UpstreamServer): Promise<Uint8Array | undefined> {
    const { sockets, scheduler, timeoutMs = 2000 } = this.#options;
    if (query.transport === 'tcp') return askTcp(query.message, server, { sockets, scheduler, timeoutMs });
    return new Promise((resolve) => {
      const finish = (answer: Uint8Array | undefined) => {
        cancel();
        socket.close();
        resolve(answer);
      };
      // A socket for each query: its port is a secret that an off-path forger has to guess (RFC 5452).
      const socket = sockets.openDatagram(server.address.version, {
        onDatagram: (payload, address, port) => {
          if (port !== server.port || !address.equals(server.address)) return;
          if (answers(payload, query.message)) finish(Uint8Array.from(payload));
        },
        onFailed: () => finish(undefined),
      });
      // Not before there is a socket, which the host may have no more of.
      const cancel = scheduler.after(timeoutMs, () => finish(undefined));
      if (socket.send(query.message, server.address, server.port) !== undefined) finish(undefined);
    });
  }
}

/** The same identifier and the same question (RFC 5452 §9.1). */
function answers(answer: Uint8Array, query: Uint8Array): boolean {
  if (answer[0] !== query[0] || answer[1] !== query[1] || ((answer[2] ?? 0) & 0x80) === 0) return false;
  const asked = walkDnsMessage(query);
  const told = walkDnsMessage(answer);
  if (asked === undefined || told === undefined) return asked === undefined;
  // Servers that fail may leave the question out.
  if (told.questionEnd === 12) return ((answer[3] ?? 0) & 0x0f) !== 0;
  return questionKey(answer, told.questionEnd) === questionKey(query, asked.questionEnd);
}

function keyOf({ address, port }: UpstreamServer): string {
  return `${address} ${port}`;
}
