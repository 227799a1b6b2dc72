import { silentLogger } from '@orlop/core';
import {
  createStack,
  IpAddress,
  IpPrefix,
  type Stack,
  type TcpHandler,
  type TcpSocket,
} from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';
import { type NetworkConfig, readNetworkConfig } from '../config.ts';
import { type NetworkParts, VirtualNetwork } from '../virtual-network.ts';
import { type MemoryLinkEnd, memoryCable } from './memory-cable.ts';
import { MemorySockets } from './memory-sockets.ts';
import { VirtualScheduler } from './virtual-scheduler.ts';

/** A network in memory and virtual time, and guests that are stacks of their own. */
export interface TestNetwork {
  readonly network: VirtualNetwork;
  readonly sockets: MemorySockets;
  readonly scheduler: VirtualScheduler;
  plug(host: number): TestGuest;
  /** Gives a guest whose link is closed another one. */
  replug(stack: Stack): MemoryLinkEnd;
}

export interface TestGuest {
  readonly stack: Stack;
  readonly link: MemoryLinkEnd;
  readonly address: IpAddress;
}

export function testNetwork(config: NetworkConfig = {}, parts: Partial<NetworkParts> = {}): TestNetwork {
  const scheduler = new VirtualScheduler();
  const sockets = new MemorySockets(scheduler);
  const network = new VirtualNetwork(readNetworkConfig({ mtu: 1500, ...config }), {
    sockets,
    scheduler,
    random: seededRandom(1),
    logger: silentLogger,
    createStack,
    upstream: { resolve: async () => undefined },
    ...parts,
  });
  return {
    network,
    sockets,
    scheduler,
    plug: (host) => {
      const [near, far] = memoryCable({ scheduler });
      network.attach(near, `guest ${host}`);
      return startGuest(scheduler, far, host);
    },
    replug: (stack) => {
      const [near, far] = memoryCable({ scheduler });
      network.attach(near);
      drive(scheduler, stack, far);
      return far;
    },
  };
}

/** A guest with the address 192.168.127.HOST (and fd…::HOST by advertisement is not made). */
function startGuest(scheduler: VirtualScheduler, link: MemoryLinkEnd, host: number): TestGuest {
  const address = IpAddress.v4(0xc0a87f00 + host);
  const anywhere = new IpPrefix(IpAddress.v4(0), 0);
  const stack = createStack({
    mac: 0x5254_0000_0000 + host,
    addresses: [new IpPrefix(address, 24)],
    routes: [{ prefix: anywhere, via: IpAddress.v4(0xc0a87f01) }],
    random: seededRandom(host),
  });
  drive(scheduler, stack, link);
  return { stack, link, address };
}

/** Has a stack speak by a link from now on. */
function drive(scheduler: VirtualScheduler, stack: Stack, link: MemoryLinkEnd): void {
  let timerAt = Number.POSITIVE_INFINITY;
  const turn = () => {
    stack.poll(scheduler.now(), link);
    link.flush();
    const at = stack.pollAt();
    if (at >= timerAt || at === Number.POSITIVE_INFINITY) return;
    timerAt = at;
    scheduler.after(at - scheduler.now(), () => {
      timerAt = Number.POSITIVE_INFINITY;
      turn();
    });
  };
  stack.onWake = () => scheduler.soon(turn);
  link.open({
    onFrame: (frame, offset, length) => stack.receive(frame, scheduler.now(), offset, length),
    onBatchEnd: turn,
    onDrained: turn,
    onClosed: () => {},
  });
  turn();
}

/** What a connection did, in order, and the bytes it brought. */
export interface Recording {
  readonly events: string[];
  readonly text: () => string;
  readonly handler: TcpHandler;
}

/** Consumes everything as it comes. */
export function record(): Recording {
  const events: string[] = [];
  const bytes: number[] = [];
  const take = (socket: TcpSocket) => {
    while (socket.readable > 0) {
      const view = socket.peek();
      for (const byte of view) bytes.push(byte);
      socket.consume(view.length);
    }
  };
  return {
    events,
    text: () => new TextDecoder().decode(Uint8Array.from(bytes)),
    handler: {
      onOpen: () => events.push('open'),
      onReadable: take,
      onEnd: (socket) => {
        take(socket);
        events.push('end');
      },
      onClose: (_socket, reason) => events.push(`close ${reason}`),
    },
  };
}

export const ip = (text: string): IpAddress => {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
};

/** A connection of a guest, and what comes of it. */
export function connect(guest: TestGuest, address: string, port: number) {
  const recording = record();
  const socket = guest.stack.tcp.connect({ remote: { address: ip(address), port } }, recording.handler);
  return { ...recording, socket };
}
