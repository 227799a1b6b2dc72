import { setImmediate as turn } from 'node:timers/promises';
import type { TcpSocket } from '@orlop/netstack';
import { encodeDns, parseDns } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { connect, ip, type TestNetwork, testNetwork } from '../testing/test-network.ts';
import type { DnsQuery } from './resolver.ts';

const GATEWAY = '192.168.127.1';
const PADDING_LEN = 16_000;

/** Answers with the question and, behind it, bytes that make it long. */
const upstream = {
  resolve: async ({ message }: DnsQuery) => {
    const answer = new Uint8Array(message.length + PADDING_LEN);
    answer.set(message);
    answer[2] = 0x81;
    return answer;
  },
};

function questions(count: number): Uint8Array {
  const framed = Array.from({ length: count }, (_, id) => {
    const fields = parseDns(new Uint8Array(12), 0, 12);
    if (typeof fields === 'string') throw new Error(fields);
    const message = encodeDns({ ...fields, id, questions: [{ name: 'far.test', type: 1, class: 1 }] });
    return [message.length >>> 8, message.length & 0xff, ...message];
  });
  return Uint8Array.from(framed.flat());
}

/** Identifiers of the messages in a stream, and how many bytes are left after the last whole one. */
function messagesOf(bytes: Uint8Array): { readonly ids: readonly number[]; readonly left: number } {
  const ids: number[] = [];
  let at = 0;
  for (;;) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (at + 2 > bytes.length || at + 2 + length > bytes.length) return { ids, left: bytes.length - at };
    ids.push(((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
    at += 2 + length;
  }
}

/** Lets time pass, and promises come true meanwhile. */
async function pass(net: TestNetwork, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    net.scheduler.advance(10);
    await turn();
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, id) => id);

describe('DnsServer over UDP', () => {
  it('answers 2000 questions that come at once, and loses none of the answers', async () => {
    const net = testNetwork({}, { upstream: { resolve: async ({ message }) => message.slice() } });
    const guest = net.plug(2);
    let answers = 0;
    const socket = guest.stack.udp.bind({}, { onDatagram: () => answers++ });
    const question = questions(1).subarray(2);
    // The first finds out where the gateway is.
    for (const count of [1, 1999]) {
      for (let n = 0; n < count; n++) socket.send(question, { address: ip(GATEWAY), port: 53 });
      await pass(net, 100);
    }
    expect(net.network.stack.udp.counters.queueFull).toBe(0);
    expect(answers).toBe(2000);
  });
});

describe('DnsServer over TCP', () => {
  it('answers who has said its last, then closes', async () => {
    const net = testNetwork({}, { upstream });
    const { socket, events, text } = connect(net.plug(2), GATEWAY, 53);
    net.scheduler.advance(10);
    socket.write(questions(3));
    socket.shutdown();
    await pass(net, 200);
    expect(text().length).toBeGreaterThan(3 * PADDING_LEN);
    expect(events).toEqual(['open', 'end', 'close finished']);
  });

  it('keeps connections that say nothing from taking the room of other guests', async () => {
    const net = testNetwork({}, { upstream });
    const [greedy, other] = [net.plug(2), net.plug(3)];
    const silent: ReturnType<typeof connect>[] = [];
    for (let round = 0; round < 3; round++) {
      silent.push(...upTo(100).map(() => connect(greedy, GATEWAY, 53)));
      await pass(net, 50);
    }
    const resets = () => silent.filter(({ events }) => events.includes('close reset')).length;
    expect(resets()).toBe(300 - 256);
    expect(net.network.dns.counters.overLimit).toBe(300 - 256);
    const { socket, text } = connect(other, GATEWAY, 53);
    await pass(net, 20);
    socket.write(questions(1));
    await pass(net, 200);
    expect(text().length).toBeGreaterThan(PADDING_LEN);
    // What has ended makes room.
    for (const one of silent.slice(0, 10)) one.socket.abort();
    await pass(net, 50);
    const late = upTo(10).map(() => connect(greedy, GATEWAY, 53));
    await pass(net, 200);
    expect(late.map(({ events }) => events)).toEqual(late.map(() => ['open']));
  });

  it('charges the guest by whose port it came, as over UDP, and not its address', async () => {
    const owners: DnsQuery['owner'][] = [];
    const resolve = (query: DnsQuery) => {
      owners.push(query.owner);
      return upstream.resolve(query);
    };
    const net = testNetwork({}, { upstream: { resolve } });
    const guest = net.plug(2);
    const { socket } = connect(guest, GATEWAY, 53);
    const remote = { address: ip(GATEWAY), port: 53 };
    await pass(net, 20);
    guest.stack.udp.bind({}, { onDatagram: () => {} }).send(questions(1).subarray(2), remote);
    socket.write(questions(1));
    await pass(net, 20);
    const port = expect.any(Number);
    expect(owners).toEqual([port, port]);
    expect(owners[0]).toBe(owners[1]);
  });

  it('closes after half a question', async () => {
    const net = testNetwork({}, { upstream });
    const { socket, events } = connect(net.plug(2), GATEWAY, 53);
    net.scheduler.advance(10);
    socket.write(questions(1).subarray(0, 9));
    socket.shutdown();
    await pass(net, 200);
    expect(events).toEqual(['open', 'end', 'close finished']);
  });

  it('gives a client that reads late every answer whole', async () => {
    const count = 400;
    const net = testNetwork({}, { upstream });
    const guest = net.plug(2);
    const received: number[] = [];
    let reads = false;
    const take = (socket: TcpSocket) => {
      while (reads && socket.readable > 0) {
        const view = socket.peek();
        for (const byte of view) received.push(byte);
        socket.consume(view.length);
      }
    };
    const socket = guest.stack.tcp.connect(
      { remote: { address: ip(GATEWAY), port: 53 } },
      { onReadable: take },
    );
    net.scheduler.advance(10);
    const asked = questions(count);
    expect(socket.write(asked)).toBe(asked.length);
    await pass(net, 500);
    expect(net.network.dns.counters.queries).toBeLessThan(count);
    reads = true;
    take(socket);
    await pass(net, 4000);
    expect(messagesOf(Uint8Array.from(received))).toEqual({ ids: upTo(count), left: 0 });
  });
});
