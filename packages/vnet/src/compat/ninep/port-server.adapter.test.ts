import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LiveNetwork, liveNetwork } from '../../testing/live-network.ts';
import { DMDIR, MessageReader, MessageWriter, NINEP_TYPES } from './message.ts';
import { PortServer } from './port-server.ts';

const T = NINEP_TYPES;

describe('PortServer', () => {
  let net: LiveNetwork;
  let server: PortServer;
  let client: Socket;

  beforeEach(async () => {
    net = await liveNetwork();
    server = new PortServer(net.opened.network.forwards);
    const path = join(net.folder, 'port.sock');
    await server.listen(path);
    client = connect({ path });
    await ask(T.version, new MessageWriter().u32(8192).text('9P2000'));
    await ask(T.attach, new MessageWriter().u32(0).u32(0xffff_ffff).text('root').text(''));
  });

  afterEach(async () => {
    client.destroy();
    server.close();
    await net.close();
  });

  async function ask(type: number, body: MessageWriter): Promise<MessageReader> {
    client.write(body.message(type, 1));
    const [bytes] = (await once(client, 'data')) as [Buffer];
    return new MessageReader(bytes);
  }

  /** As VPNKit's clients do: mkdir, open ctl, write, read. */
  async function expose(name: string): Promise<string> {
    await ask(T.walk, new MessageWriter().u32(0).u32(1).u16(0));
    await ask(T.create, new MessageWriter().u32(1).text(name).u32(DMDIR).u8(0));
    await ask(T.clunk, new MessageWriter().u32(1));
    await ask(T.walk, new MessageWriter().u32(0).u32(2).u16(2).text(name).text('ctl'));
    await ask(T.open, new MessageWriter().u32(2).u8(2));
    await ask(T.write, new MessageWriter().u32(2).u64(0).data(Buffer.from(name)));
    const answer = await ask(T.read, new MessageWriter().u32(2).u64(0).u32(1000));
    return Buffer.from(answer.data()).toString();
  }

  it('puts a forward in force, and ends it when its ctl is closed', async () => {
    const { forwards } = net.opened.network;
    expect(await expose('tcp:127.0.0.1:0:tcp:192.168.127.2:80')).toMatch(
      /^OK tcp:127\.0\.0\.1:\d+:tcp:192\.168\.127\.2:80\n$/,
    );
    expect(forwards.list().map((forward) => forward.id)).toEqual(['tcp:127.0.0.1:0']);
    expect((await ask(T.clunk, new MessageWriter().u32(2))).type).toBe(T.clunk + 1);
    expect(forwards.list()).toEqual([]);
  });

  it('tells that the address is taken', async () => {
    await expose('tcp:127.0.0.1:0:tcp:192.168.127.2:80');
    expect(await expose('tcp:127.0.0.1:0:tcp:192.168.127.2:81')).toMatch(/^ERROR EADDRINUSE /);
    expect(await expose('nonsense')).toMatch(/^ERROR "nonsense"/);
  });

  it('ends the forwards of a client that goes', async () => {
    await expose('udp:127.0.0.1:0:udp:192.168.127.2:53');
    const gone = new Promise<void>((resolve) => {
      net.opened.network.forwards.onChange = resolve;
    });
    client.destroy();
    await gone;
    expect(net.opened.network.forwards.list()).toEqual([]);
  });

  it('answers what it does not know with an error', async () => {
    expect((await ask(200, new MessageWriter().u32(0))).type).toBe(T.error);
    expect((await ask(T.read, new MessageWriter().u32(99).u64(0).u32(1))).text()).toBe('unknown fid');
    expect((await ask(T.walk, new MessageWriter().u32(0).u32(5).u16(1).text('none'))).text()).toBe(
      'file does not exist',
    );
  });
});
