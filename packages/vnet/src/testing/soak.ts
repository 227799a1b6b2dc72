import { parseForwards } from '../forward/forward-text.ts';
import { echoServer } from './echo-server.ts';
import { ip, record, type TestGuest, type TestNetwork, testNetwork } from './test-network.ts';

export const SOAK_GUESTS = 50;
const OUTSIDE = ip('203.0.113.5');
const ROUND_MS = 60_000;
/** Longer than every time-out of the gateway: flows of UDP, TIME-WAIT, learned addresses. */
const QUIET_MS = 600_000;
const BYTES = 20_000;

/** A server of connections, and one of datagrams: both say back what they got. */
async function serve(net: TestNetwork): Promise<void> {
  await echoServer(net, OUTSIDE.toString(), 80);
  const datagrams = await net.sockets.bindDatagram(OUTSIDE, 53, {
    onDatagram: (payload, address, port) => {
      datagrams.send(payload, address, port);
    },
    onFailed: () => {},
  });
}

/** What one guest does in a minute; returns whether all of it came true. */
function work(net: TestNetwork, guest: TestGuest, round: number): () => boolean {
  const whole = record();
  const socket = guest.stack.tcp.connect({ remote: { address: OUTSIDE, port: 80 } }, whole.handler);
  net.scheduler.after(20, () => socket.write(new Uint8Array(BYTES).fill(97)));
  net.scheduler.after(500, () => socket.shutdown());
  // One that is refused, one that is broken off, and a port that nobody serves.
  const refused = record();
  guest.stack.tcp.connect({ remote: { address: OUTSIDE, port: 81 } }, refused.handler);
  const broken = guest.stack.tcp.connect({ remote: { address: OUTSIDE, port: 80 } }, {});
  net.scheduler.after(100 + (round % 7) * 10, () => broken.abort());
  let answers = 0;
  const datagrams = guest.stack.udp.bind({}, { onDatagram: () => answers++ });
  datagrams.send(new Uint8Array(3000), { address: OUTSIDE, port: 53 });
  net.scheduler.after(30_000, () => datagrams.close());
  guest.stack.icmp.sendEchoRequest({
    ...{ local: guest.address, remote: OUTSIDE, identifier: round & 0xffff, sequence: 1 },
    data: new Uint8Array(56),
  });
  return () =>
    whole.text().length === BYTES &&
    whole.events.includes('close finished') &&
    refused.events.includes('close refused') &&
    answers === 1;
}

/** Everything that could grow. */
function tables({ network, scheduler, sockets }: TestNetwork) {
  const { host, tcp } = network.stack;
  return {
    tcpFlows: network.tcpNat.size,
    udpFlows: network.udpNat.size,
    connections: tcp.connectionCount,
    bufferedBytes: tcp.bufferedBytes,
    neighbours: host.arp.neighbours.size,
    macs: [...network.segment.macs()].length,
    leases: [...network.leases.list()].length,
    forwards: network.forwards.list().length,
    ports: [...network.segment.ports()].length,
    hostDatagrams: sockets.openDatagrams,
    timers: scheduler.pending,
  };
}

export interface SoakResult {
  /** What did not come true, by guest and minute. */
  readonly failures: readonly string[];
  /** What the tables held after the first minutes, and at the end, each time after the longest time-out. */
  readonly early: SoakTables;
  readonly late: SoakTables;
  readonly virtualMs: number;
  readonly accepted: number;
  readonly refused: number;
}

export type SoakTables = ReturnType<typeof tables>;

/**
 * 50 guests on 50 links that connect, are refused, break off, reboot and are forwarded to, minute by minute in virtual
 * time: first `warmUp` minutes, then as many as are asked for.
 */
export async function soak({
  warmUp,
  minutes,
}: {
  readonly warmUp: number;
  readonly minutes: number;
}): Promise<SoakResult> {
  const net = testNetwork();
  await serve(net);
  const guests = Array.from({ length: SOAK_GUESTS }, (_, index) => net.plug(10 + index));
  const failures: string[] = [];
  const pass = async (count: number, from: number) => {
    for (let round = from; round < from + count; round++) {
      // One guest a minute is unplugged and comes again on another port.
      const rebooted = round % SOAK_GUESTS;
      guests[rebooted]?.link.close();
      net.scheduler.advance(10);
      guests[rebooted] = net.plug(10 + rebooted);
      for (const spec of parseForwards(`${20_000 + rebooted}:192.168.127.${10 + rebooted}:80`)) {
        const { id } = await net.network.forwards.add(spec);
        net.scheduler.after(ROUND_MS / 2, () => net.network.forwards.remove(id));
      }
      const checks = guests.map((guest) => work(net, guest, round));
      net.scheduler.advance(ROUND_MS - 10);
      for (const [index, check] of checks.entries()) {
        if (!check()) failures.push(`guest ${index}, minute ${round}`);
      }
    }
    net.scheduler.advance(QUIET_MS);
    return tables(net);
  };
  const early = await pass(warmUp, 0);
  const late = await pass(minutes, warmUp);
  const { accepted, refused } = net.network.tcpNat.counters;
  return { failures, early, late, virtualMs: net.scheduler.now(), accepted, refused };
}
