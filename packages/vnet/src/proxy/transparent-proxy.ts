import { type ByteStream, streamOfSocket, type TcpAttempt } from '@orlop/netstack';
import type { ClientLimit } from './client-limit.ts';
import { type ExplicitProxyParts, sendOn } from './explicit-proxy.ts';
import { headerOf, MAX_HEAD_LEN, parseAuthority, parseRequestHead } from './http-head.ts';
import { countFailure } from './proxy-counters.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { parseServerName } from './server-name.ts';
import { endOfHead, StreamReader, splice } from './stream-reader.ts';

export interface TransparentProxyParts extends ExplicitProxyParts {
  readonly settings: ProxySettings;
  readonly clients: ClientLimit;
  /** Who is behind the attempt that is being made, whatever address it comes from. */
  readonly origin: () => number | undefined;
}

const SCHEMES: ReadonlyMap<number, 'http' | 'https'> = new Map([
  [80, 'http'],
  [443, 'https'],
]);
/** A client that says nothing waits for the server to speak: no HTTP. */
const SILENCE_MS = 5_000;

/**
 * Takes guests' connections to ports 80 and 443 and sends them through the proxies, by the name that the guest
 * says itself (Host, SNI). What is no HTTP goes where it was meant to.
 */
export class TransparentProxy {
  readonly #parts: TransparentProxyParts;

  constructor(parts: TransparentProxyParts) {
    this.#parts = parts;
  }

  /** For `TcpNat`: true when the connection is taken. */
  intercept(attempt: TcpAttempt): boolean {
    const { settings, route } = this.#parts;
    const scheme = SCHEMES.get(attempt.local.port);
    if (!settings.transparent || scheme === undefined) return false;
    const { address } = attempt.local;
    const owner = this.#parts.origin();
    if (route.isLocal(address) || route.proxyFor(scheme, address.toString()) === undefined) return false;
    const socket = attempt.accept(
      {
        onOpen: (opened) => {
          const stream = streamOfSocket(opened);
          const { clients, counters } = this.#parts;
          clients
            .serve(stream, owner, () => this.#serve(stream, scheme, attempt))
            .catch((error) => {
              countFailure(counters, error);
              stream.abort();
            });
        },
      },
      { noDelay: true },
    );
    return socket !== undefined;
  }

  async #serve(stream: ByteStream, scheme: 'http' | 'https', attempt: TcpAttempt): Promise<void> {
    const client = new StreamReader(stream);
    const { address, port } = attempt.local;
    const guest = attempt.remote.address;
    const host = await this.#nameIn(client, scheme);
    const request = { host: host ?? address.toString(), port, guest };
    if (scheme === 'http' && host !== undefined) {
      const length = endOfHead(client.held) ?? 0;
      const head = parseRequestHead(client.held.subarray(0, length));
      if (head?.target.startsWith('/') === true) {
        client.take(length);
        await sendOn(client, { ...this.#parts, head, request, path: head.target });
        return;
      }
    }
    await splice(client, await this.#parts.route.connect(scheme, request));
  }

  /** Who the guest means; its bytes stay in the reader. */
  async #nameIn(client: StreamReader, scheme: 'http' | 'https'): Promise<string | undefined> {
    let silent = false;
    let wake = () => {};
    const silence = new Promise<false>((resolve) => {
      wake = () => resolve(false);
    });
    const cancel = this.#parts.scheduler.after(SILENCE_MS, () => {
      silent = true;
      wake();
    });
    try {
      while (!silent && client.held.length < MAX_HEAD_LEN) {
        const name = scheme === 'http' ? hostIn(client.held) : sniIn(client.held);
        if (name !== 'more') return name;
        if (!(await Promise.race([client.more(), silence]))) return undefined;
      }
      return undefined;
    } finally {
      cancel();
    }
  }
}

function hostIn(bytes: Uint8Array): string | 'more' | undefined {
  const end = endOfHead(bytes);
  if (end === undefined) return 'more';
  const head = parseRequestHead(bytes.subarray(0, end));
  const host = head === undefined ? undefined : headerOf(head, 'host');
  return host === undefined ? undefined : parseAuthority(host, 80)?.host;
}

function sniIn(bytes: Uint8Array): string | 'more' | undefined {
  const found = parseServerName(bytes);
  return found.kind === 'name' ? found.name : found.kind === 'more' ? 'more' : undefined;
}
