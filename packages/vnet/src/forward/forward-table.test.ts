import { describe, expect, it } from 'vitest';
import type { HostStream } from '../host/host-sockets.ts';
import {
  connect,
  ip,
  record,
  type TestGuest,
  type TestNetwork,
  testNetwork,
} from '../testing/test-network.ts';
import { ForwardStats } from './forward.ts';
import { ForwardTable } from './forward-table.ts';
import { parseForwards, parseGuest } from './forward-text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('ForwardTable', () => {
  /** A guest's server that greets and ends. */
  function greet(guest: TestGuest, port: number, greeting: string): void {
    guest.stack.tcp.listen({ port }, (socket) => {
      socket.write(bytes(greeting));
      socket.shutdown();
      return {};
    });
  }

  function read(net: TestNetwork, address: string, port: number) {
    const outcome: string[] = [];
    const chunk = new Uint8Array(1024);
    const stream = net.sockets.connect(
      { kind: 'ip', address: ip(address), port },
      {
        onOpen: () => stream.wantRead(true),
        onWritable: () => {},
        onFailed: (failure) => outcome.push(failure),
        onReadable: () => {
          const count = stream.read(chunk);
          if (count === 0) stream.close();
          else if (count > 0) outcome.push(new TextDecoder().decode(chunk.slice(0, count)));
        },
      },
    );
    return outcome;
  }

  it('leads a port of the host to the guest of a name, wherever that moves', async () => {
    const net = testNetwork({
      forwards: ['8080:web:80'],
      leases: [{ mac: '52:54:00:00:00:02', address: '192.168.127.2', name: 'web' }],
    });
    await net.network.start();
    greet(net.plug(2), 80, 'first');
    const first = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(first).toEqual(['first']);
    net.network.leases.remove(0x5254_0000_0002);
    net.network.leases.addStatic({ mac: 0x5254_0000_0009, address: ip('192.168.127.9'), hostName: 'web' });
    greet(net.plug(9), 80, 'moved');
    const second = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(second).toEqual(['moved']);
    expect(net.network.forwards.list()[0]).toMatchObject({ connections: 2, active: 0, bytesFromGuest: 10 });
  });

  it('keeps the side of a forward that leads nowhere yet, and leads it elsewhere without letting go', async () => {
    const net = testNetwork();
    const [spec] = parseForwards('8080:80');
    if (spec?.kind !== 'to-guest') throw new Error('no forward');
    await net.network.forwards.add({ ...spec, guest: { kind: 'nobody' } });
    const early = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(early).toEqual(['reset']);
    greet(net.plug(2), 80, 'first');
    net.network.forwards.lead('tcp:127.0.0.1:8080', { guest: parseGuest('192.168.127.2'), port: 80 });
    expect(net.network.forwards.find('tcp:127.0.0.1:8080')?.lastError).toBeUndefined();
    const first = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    greet(net.plug(9), 81, 'other');
    net.network.forwards.lead('tcp:127.0.0.1:8080', { guest: parseGuest('192.168.127.9'), port: 81 });
    const second = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    const guest = net.plug(10);
    const heard = record();
    guest.stack.tcp.listen({ port: 82 }, () => heard.handler);
    const to = { guest: { kind: 'address', address: guest.address }, port: 82, greeting: 'hello\n' } as const;
    net.network.forwards.lead('tcp:127.0.0.1:8080', to);
    read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(heard.text()).toBe('hello\n');
    expect([first, second]).toEqual([['first'], ['other']]);
    expect(() => net.network.forwards.lead('tcp:127.0.0.1:1', spec)).toThrow(/nothing is forwarded/);
  });

  it('looks for idle clients of a UDP port once every while, however often it was led elsewhere', async () => {
    const net = testNetwork();
    const [spec] = parseForwards('5353:53/udp');
    if (spec?.kind !== 'to-guest') throw new Error('no forward');
    const { forwards } = net.network;
    const { id } = await forwards.add({ ...spec, guest: { kind: 'address', address: net.plug(2).address } });
    const client = net.sockets.openDatagram(4, { onDatagram: () => {}, onFailed: () => {} });
    const lead = () => {
      client.send(bytes('x'), ip('127.0.0.1'), 5353);
      net.scheduler.advance(10);
      expect(forwards.find(id)?.active).toBe(1);
      const before = net.scheduler.pending;
      forwards.lead(id, { guest: parseGuest('192.168.127.2'), port: 53 });
      return before;
    };
    const first = lead();
    for (let again = 0; again < 20; again++) lead();
    expect(lead()).toBeLessThan(first + 5);
  });

  it('leaves no port of the host open that was being opened when the network closed', async () => {
    let closed = 0;
    let opened = () => {};
    const listening = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const running = {
      local: undefined,
      stats: new ForwardStats(),
      lead: () => {},
      close: () => {
        closed++;
      },
    };
    const start = () => listening.then(() => running);
    const table = new ForwardTable({ tcp: start, udp: start, endToHost: () => {} });
    const [spec] = parseForwards('8080:192.168.127.2:80');
    if (spec === undefined) throw new Error('no forward');
    const adding = table.add(spec);
    table.close();
    opened();
    await expect(adding).rejects.toMatchObject({ code: 'vnet.closed' });
    expect(closed).toBe(1);
    expect(table.list()).toEqual([]);
  });

  it('resets the client and says why when the guest refuses', async () => {
    const net = testNetwork({ forwards: ['8080:192.168.127.2:80'] });
    await net.network.start();
    net.plug(2);
    const outcome = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(outcome).toEqual(['reset']);
    expect(net.network.forwards.list()[0]?.lastError).toBe('192.168.127.2:80: refused');
  });

  it('resets the client after a minute when the guest is there and says nothing', async () => {
    const net = testNetwork({ forwards: ['8080:192.168.127.2:80'] });
    await net.network.start();
    net.plug(2).stack.tcp.listenAny(() => {});
    const outcome = read(net, '127.0.0.1', 8080);
    net.scheduler.advance(62_000);
    expect(outcome).toEqual([]);
    net.scheduler.advance(2000);
    expect(outcome).toEqual(['reset']);
    expect(net.network.forwards.list()[0]?.lastError).toBe('192.168.127.2:80: timeout');
  });

  it('tells the guest the client by the PROXY protocol when asked', async () => {
    const net = testNetwork();
    const guest = net.plug(2);
    const server = record();
    guest.stack.tcp.listen({ port: 80 }, () => server.handler);
    await net.network.forwards.add({
      kind: 'to-guest',
      protocol: 'tcp',
      listen: { kind: 'ip', address: ip('127.0.0.1'), port: 8080 },
      guest: { kind: 'address', address: guest.address },
      port: 80,
      proxyProtocol: 1,
    });
    read(net, '127.0.0.1', 8080);
    net.scheduler.advance(100);
    expect(server.text()).toBe('PROXY TCP4 127.0.0.1 127.0.0.1 40000 8080\r\n');
  });

  it('says when the gateway has no port left for one more client, and goes on', async () => {
    const net = testNetwork({ forwards: ['5353:192.168.127.2:53/udp'] });
    await net.network.start();
    const server = net.plug(2);
    let came = 0;
    server.stack.udp.bind({ port: 53 }, { onDatagram: () => came++ });
    const taken = Array.from({ length: 16_384 }, (_, i) =>
      net.network.stack.udp.bind({ port: 49_152 + i }, { onDatagram: () => {} }),
    );
    const client = net.sockets.openDatagram(4, { onDatagram: () => {}, onFailed: () => {} });
    client.send(bytes('lost'), ip('127.0.0.1'), 5353);
    net.scheduler.advance(100);
    expect(net.network.forwards.list()[0]?.lastError).toMatch(/all UDP ports .* are in use/);
    taken[0]?.close();
    client.send(bytes('found'), ip('127.0.0.1'), 5353);
    net.scheduler.advance(100);
    expect(came).toBe(1);
  });

  it('leads datagrams to the guest and answers back to each client', async () => {
    const net = testNetwork({ forwards: ['5353:192.168.127.2:53/udp'] });
    await net.network.start();
    const guest = net.plug(2);
    const server = guest.stack.udp.bind(
      { port: 53 },
      {
        onDatagram: ({ remote, bytes: data }) => {
          server.send(Uint8Array.from([...data, 33]), remote);
        },
      },
    );
    const answers: string[] = [];
    for (const text of ['one', 'two']) {
      const client = net.sockets.openDatagram(4, {
        onDatagram: (payload) => answers.push(new TextDecoder().decode(payload)),
        onFailed: () => {},
      });
      client.send(bytes(text), ip('127.0.0.1'), 5353);
    }
    net.scheduler.advance(100);
    expect(answers.sort()).toEqual(['one!', 'two!']);
    const counted = { connections: 2, bytesToGuest: 6, bytesFromGuest: 8 };
    expect(net.network.forwards.list()[0]).toMatchObject({ ...counted, active: 2 });
    net.scheduler.advance(200_000);
    expect(net.network.forwards.list()[0]).toMatchObject({ ...counted, active: 0 });
  });

  it('brings a client no datagram of a guest that it does not speak with', async () => {
    const net = testNetwork({ forwards: ['5353:192.168.127.2:53/udp'] });
    await net.network.start();
    const other = net.plug(3);
    const guest = net.plug(2);
    const server = guest.stack.udp.bind(
      { port: 53 },
      {
        onDatagram: ({ remote }) => {
          for (const port of [53, 54])
            other.stack.udp.send({
              local: { address: other.address, port },
              remote,
              bytes: bytes('forged'),
            });
          const another = guest.stack.udp.bind({ port: 54 }, { onDatagram: () => {} });
          another.send(bytes('elsewhere'), remote);
          net.scheduler.after(10, () => server.send(bytes('true'), remote));
        },
      },
    );
    const answers: string[] = [];
    const client = net.sockets.openDatagram(4, {
      onDatagram: (payload) => answers.push(new TextDecoder().decode(payload)),
      onFailed: () => {},
    });
    client.send(bytes('ask'), ip('127.0.0.1'), 5353);
    net.scheduler.advance(100);
    expect(answers).toEqual(['true']);
    expect(net.network.forwards.list()[0]).toMatchObject({ bytesFromGuest: 4, failed: 3 });
  });

  it('ends the connections of a port of the gateway that leads to the host no more', async () => {
    const net = testNetwork({
      forwards: ['host:5000=unix:/run/agent.sock', 'host:5001=unix:/run/agent.sock'],
    });
    await net.network.start();
    const events: string[] = [];
    await net.sockets.listen({ kind: 'unix', path: '/run/agent.sock' }, (stream) => {
      net.scheduler.soon(() => stream.wantRead(true));
      return {
        onOpen: () => {},
        onReadable: () => {},
        onWritable: () => {},
        onFailed: (failure) => events.push(failure),
      };
    });
    const guest = net.plug(2);
    const [ended, kept] = [5000, 5001].map((port) => connect(guest, '192.168.127.1', port));
    net.scheduler.advance(100);
    net.network.forwards.remove('gateway:5000');
    net.scheduler.advance(100);
    expect(ended?.events).toEqual(['open', 'close reset']);
    expect(kept?.events).toEqual(['open']);
    expect(events).toEqual(['reset']);
    expect(net.network.tcpNat.size).toBe(1);
  });

  it('leads a port of the gateway to a unix socket of the host', async () => {
    const net = testNetwork({ forwards: ['host:5000=unix:/run/agent.sock'] });
    await net.network.start();
    await net.sockets.listen({ kind: 'unix', path: '/run/agent.sock' }, (stream) => {
      net.scheduler.soon(() => {
        stream.write(bytes('agent'));
        stream.end();
      });
      return { onOpen: () => {}, onReadable: () => {}, onWritable: () => {}, onFailed: () => {} };
    });
    const client = connect(net.plug(2), '192.168.127.1', 5000);
    net.scheduler.advance(100);
    expect(client.text()).toBe('agent');
    client.socket.shutdown();
    net.scheduler.advance(100);
    expect(net.network.forwards.find('gateway:5000')).toMatchObject({
      ...{ connections: 1, active: 0, failed: 0, bytesToGuest: 5, lastError: undefined },
    });
  });

  it('counts the bytes of connections that still run, and each once when they end', async () => {
    const net = testNetwork({ forwards: ['8080:192.168.127.2:80'] });
    await net.network.start();
    const guest = net.plug(2);
    guest.stack.tcp.listen({ port: 80 }, (socket) => {
      socket.write(bytes('hello'));
      return {};
    });
    const streams = ['one', 'three'].map((text) => {
      const stream: HostStream = net.sockets.connect(
        { kind: 'ip', address: ip('127.0.0.1'), port: 8080 },
        {
          onOpen: () => stream.write(bytes(text)),
          onReadable: () => {},
          onWritable: () => {},
          onFailed: () => {},
        },
      );
      return stream;
    });
    net.scheduler.advance(100);
    const counted = { connections: 2, bytesToGuest: 8, bytesFromGuest: 10 };
    expect(net.network.forwards.list()[0]).toMatchObject({ ...counted, active: 2 });
    for (const stream of streams) stream.reset();
    net.scheduler.advance(100);
    expect(net.network.forwards.list()[0]).toMatchObject({ ...counted, active: 0 });
  });

  it.each(['a day on', 'a day back'])('leads to the only guest when the clock is set %s', async (to) => {
    const net = testNetwork({ forwards: ['8080:80'] });
    await net.network.start();
    const guest = net.plug(2);
    net.network.leases.confirm(0x5254_0000_0002, guest.address, 'web');
    greet(guest, 80, 'here');
    net.scheduler.jumpWall(to === 'a day on' ? 86_400_000 : -86_400_000);
    for (const quietMs of [100, 400_000]) {
      net.scheduler.advance(quietMs); // until the switch has forgotten where the guest is
      const outcome = read(net, '127.0.0.1', 8080);
      net.scheduler.advance(100);
      expect(outcome).toEqual(['here']);
    }
  });

  it('counts what fails on the way to the host, and says why last', async () => {
    const net = testNetwork({ forwards: ['host:5000=unix:/run/agent.sock'] });
    await net.network.start();
    const client = connect(net.plug(2), '192.168.127.1', 5000);
    net.scheduler.advance(100);
    expect(client.events).toEqual(['close refused']);
    expect(net.network.forwards.find('gateway:5000')).toMatchObject({
      ...{ connections: 1, active: 0, failed: 1 },
      lastError: expect.stringMatching(/^unix:\/run\/agent.sock: /),
    });
  });

  it('leads from as many ports of one address as are asked for without saying which, each by itself', async () => {
    const configured = ['0:192.168.127.2:80', '0:192.168.127.2:81', '0:192.168.127.2:53/udp'];
    const net = testNetwork({ forwards: configured });
    await net.network.start();
    const guest = net.plug(2);
    for (const port of [80, 81, 82]) greet(guest, port, `port ${port}`);
    const { forwards, configuredForwards } = net.network;
    const more = parseForwards('0:192.168.127.2:82').map((spec) => forwards.add(spec));
    await Promise.all(more);
    const ids = forwards.list().map(({ id }) => id);
    const [first, second, udp, third] = ids;
    expect(configuredForwards).toEqual(new Set([first, second, udp]));
    for (const { spec, local } of forwards.list())
      expect(spec).toMatchObject({ listen: local, kind: 'to-guest' });
    expect(ids.every((id) => /^(?:tcp|udp):127\.0\.0\.1:4\d{4}$/.test(id))).toBe(true);
    const portOf = (id = '') => Number(id.split(':')[2]);
    const all = [first, second, third].map((id) => read(net, '127.0.0.1', portOf(id)));
    net.scheduler.advance(100);
    expect(all).toEqual([['port 80'], ['port 81'], ['port 82']]);
    forwards.remove(second ?? '');
    const after = [first, second].map((id) => read(net, '127.0.0.1', portOf(id)));
    net.scheduler.advance(100);
    expect(after).toEqual([['port 80'], ['refused']]);
  });

  it('refuses a second forward of the same listening side by name', async () => {
    const net = testNetwork({ forwards: ['8080:192.168.127.2:80'] });
    await net.network.start();
    const [spec] = net.network.settings.forwards;
    if (spec === undefined) throw new Error('no forward');
    await expect(net.network.forwards.add(spec)).rejects.toMatchObject({ code: 'vnet.forward-exists' });
  });
});
