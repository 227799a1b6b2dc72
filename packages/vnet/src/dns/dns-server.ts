import type { IpAddress, Stack, TcpListener, UdpDatagram, UdpSocket } from '@orlop/netstack';
import { DNS_PORT, DNS_SERVER_FAILURE } from '@orlop/wire';
import { type Owner, OwnerShares } from '../gateway/owner-shares.ts';
import type { DnsQuery, DnsResolver } from './resolver.ts';
import { TcpConversation } from './tcp-conversation.ts';

export interface DnsServerOptions {
  readonly stack: Pick<Stack, 'tcp' | 'udp'>;
  readonly resolver: DnsResolver;
  /**
   * Queries that wait for an answer at once, three quarters of them of one guest; more are refused with "server
   * failure". @default 4096
   */
  readonly maxPending?: number;
  /** Who is behind the datagram or connection that is being handled, whatever address it comes from. @default its address */
  readonly origin?: () => number | undefined;
}

export interface DnsServerCounters {
  queries: number;
  answers: number;
  failures: number;
  overLimit: number;
}

const HEADER_LEN = 12;
/** Those that ask nothing count as well (RFC 7766 §6.2.2). */
const MAX_CONNECTIONS_PER_GUEST = 256;

/** DNS of the gateway over UDP and TCP; what is answered is the resolver's matter. */
export class DnsServer {
  readonly counters: DnsServerCounters = { queries: 0, answers: 0, failures: 0, overLimit: 0 };
  readonly #options: DnsServerOptions;
  readonly #abort = new AbortController();
  readonly #udp: UdpSocket;
  readonly #tcp: TcpListener;
  readonly #connections = new OwnerShares({ perOwner: MAX_CONNECTIONS_PER_GUEST });
  readonly #pending: OwnerShares;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    const { maxPending: total = 4096 } = options;
    this.#pending = new OwnerShares({ total, perOwner: Math.ceil(total * 0.75) });
    this.#udp = options.stack.udp.bind(
      { port: DNS_PORT },
      { onDatagram: (datagram) => this.#receive(datagram) },
    );
    this.#tcp = options.stack.tcp.listen({ port: DNS_PORT }, (socket) => {
      const guest = socket.remote.address;
      const owner = this.#ownerOf(guest);
      if (!this.#connections.enter(owner)) {
        this.counters.overLimit++;
        socket.abort();
        return {};
      }
      return new TcpConversation(socket, {
        onQuestion: (message, reply) => this.#answer({ message, transport: 'tcp', guest, owner }, reply),
        onClosed: () => this.#connections.leave(owner),
      });
    });
  }

  close(): void {
    this.#abort.abort();
    this.#udp.close();
    this.#tcp.close();
  }

  #receive({ local, remote, bytes }: UdpDatagram): void {
    const guest = remote.address;
    const query = { message: bytes.slice(), transport: 'udp', guest, owner: this.#ownerOf(guest) } as const;
    this.#answer(query, (answer) => this.#udp.send(answer, remote, local.address));
  }

  /** Of the datagram or the connection that is being handled. */
  #ownerOf(guest: IpAddress): Owner {
    return this.#options.origin?.() ?? guest.toString();
  }

  /** Calls `send` once, later, unless the server is closed before; false for what is no question. */
  #answer(query: Required<DnsQuery>, send: (answer: Uint8Array) => void): boolean {
    if (query.message.length < HEADER_LEN || ((query.message[2] ?? 0) & 0x80) !== 0) return false;
    this.counters.queries++;
    const { owner } = query;
    if (!this.#pending.enter(owner)) {
      this.counters.overLimit++;
      queueMicrotask(() => send(failureOf(query.message)));
      return true;
    }
    this.#options.resolver
      .resolve(query, { signal: this.#abort.signal })
      .catch(() => undefined)
      .then((answer) => {
        this.#pending.leave(owner);
        if (this.#abort.signal.aborted) return;
        if (answer === undefined) this.counters.failures++;
        else this.counters.answers++;
        send(answer ?? failureOf(query.message));
      });
    return true;
  }
}

/** The query's header as an answer without records, "server failure". */
function failureOf(query: Uint8Array): Uint8Array {
  const answer = query.slice(0, HEADER_LEN);
  answer[2] = 0x80 | ((query[2] ?? 0) & 0x79);
  answer[3] = 0x80 | DNS_SERVER_FAILURE;
  answer.fill(0, 4);
  return answer;
}
