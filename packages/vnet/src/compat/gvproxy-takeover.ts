import type { Socket } from 'node:net';
import { OrlopError } from '@orlop/core';
import { type ByteStream, IpAddress, stackStreams } from '@orlop/netstack';
import type { RequestHead, TakeConnection } from '../control/takeover.ts';
import { GUEST_SYN_RETRIES } from '../forward/forward.ts';
import { openStdioLink } from '../link/stdio-link.ts';
import type { VirtualNetwork } from '../virtual-network.ts';

/** gvproxy says this instead of an HTTP answer, before the guest's bytes. */
const TUNNEL_GREETING = 'OK';

/** Requests of gvproxy's API after which the connection carries something else. */
export function gvproxyTakeover(
  network: VirtualNetwork,
  mayConnect: boolean,
): (head: RequestHead) => TakeConnection | undefined {
  return ({ method, url }) => {
    if (method !== 'POST' && method !== 'CONNECT' && method !== 'GET') return undefined;
    switch (url.pathname) {
      case '/connect':
        return mayConnect ? (connection, early) => plugIn(network, connection, early) : undefined;
      case '/tunnel': {
        const address = IpAddress.parse(url.searchParams.get('ip') ?? '');
        const port = Number(url.searchParams.get('port') ?? Number.NaN);
        if (!url.searchParams.get('ip')) return (connection) => refuse(connection, 'ip is mandatory');
        if (address === undefined || !network.addresses.isLocal(address)) {
          return (connection) => refuse(connection, 'ip is no address of the network');
        }
        if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
          return (connection) => refuse(connection, 'port is no port');
        }
        return (connection, early) => void tunnel({ network, address, port }, connection, early);
      }
      default:
        return undefined;
    }
  };
}

/** Frames with 16-bit little-endian lengths from here on. */
function plugIn(network: VirtualNetwork, connection: Socket, early: Uint8Array): void {
  if (early.length > 0) connection.unshift(early);
  const streams = { input: connection, output: connection, release: () => connection.destroySoon() };
  network.admit(openStdioLink(streams, network.settings.mtu), 'connect');
  connection.resume();
}

interface TunnelTarget {
  readonly network: VirtualNetwork;
  readonly address: IpAddress;
  readonly port: number;
}

/** The greeting comes before the guest has answered, as gvproxy's does; a guest that refuses ends the stream. */
async function tunnel(
  { network, address, port }: TunnelTarget,
  connection: Socket,
  early: Uint8Array,
): Promise<void> {
  connection.write(TUNNEL_GREETING);
  try {
    const guests = stackStreams(network.stack.tcp, { synRetries: GUEST_SYN_RETRIES });
    const stream = await guests.connect({ address: address.toString(), port });
    if (early.length > 0) await stream.write(early);
    await Promise.all([toGuest(connection, stream), toHost(stream, connection)]);
  } catch (error) {
    connection.destroy();
    if (!(error instanceof OrlopError)) throw error;
  }
}

async function toGuest(connection: Socket, stream: ByteStream): Promise<void> {
  try {
    for await (const chunk of connection.iterator({ destroyOnReturn: false }))
      await stream.write(chunk as Buffer);
    stream.end();
  } catch (error) {
    stream.abort();
    if (error instanceof OrlopError) throw error;
  }
}

async function toHost(stream: ByteStream, connection: Socket): Promise<void> {
  for await (const bytes of stream) {
    // The bytes are the stack's again at the next turn.
    const isTaken = await new Promise<boolean>((resolve) => {
      connection.write(bytes, (error) => resolve(error === null || error === undefined));
    });
    if (isTaken) continue;
    // The client has gone: who writes to it is to know.
    stream.abort();
    return;
  }
  connection.end();
}

function refuse(connection: Socket, why: string): void {
  const head = `HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${why.length + 1}`;
  connection.end(`${head}\r\nconnection: close\r\n\r\n${why}\n`);
}
