import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseForwards } from '../../forward/forward-text.ts';
import { type LiveNetwork, liveNetwork } from '../../testing/live-network.ts';
import { parsePort } from '../vpnkit-port.ts';
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

  /**
   * As Linux's v9fs carries out what VPNKit's clients do (recorded from Linux 6.12): mkdir, open ctl, write, seek to
   * its start, read. `ctl` stays open as that fid.
   */
  async function expose(name: string, ctl: number): Promise<string> {
    await ask(T.walk, new MessageWriter().u32(0).u32(1).u16(0));
    const made = await ask(T.create, new MessageWriter().u32(1).text(name).u32(DMDIR).u8(0));
    await ask(T.clunk, new MessageWriter().u32(1));
    if (made.type === T.error) return made.text();
    await ask(T.walk, new MessageWriter().u32(0).u32(ctl).u16(2).text(name).text('ctl'));
    await ask(T.open, new MessageWriter().u32(ctl).u8(2));
    await ask(T.write, new MessageWriter().u32(ctl).u64(0).data(Buffer.from(name)));
    return readAt(ctl, 0);
  }

  async function readAt(fid: number, offset: number, count = 1000): Promise<string> {
    const answer = await ask(T.read, new MessageWriter().u32(fid).u64(offset).u32(count));
    return Buffer.from(answer.data()).toString();
  }

  /** The names in the root, read with messages as large as the client's. */
  async function list(count: number): Promise<string[]> {
    await ask(T.walk, new MessageWriter().u32(0).u32(50).u16(0));
    await ask(T.open, new MessageWriter().u32(50).u8(0));
    const names: string[] = [];
    for (let offset = 0; ; ) {
      const data = (await ask(T.read, new MessageWriter().u32(50).u64(offset).u32(count))).data();
      if (data.length === 0) break;
      for (let at = 0; at < data.length; ) {
        const entry = Buffer.from(data).subarray(at, at + 2 + Buffer.from(data).readUInt16LE(at));
        names.push(entry.subarray(43, 43 + entry.readUInt16LE(41)).toString());
        at += entry.length;
      }
      offset += data.length;
    }
    await ask(T.clunk, new MessageWriter().u32(50));
    return names;
  }

  const WEB = 'tcp:127.0.0.1:0:tcp:192.168.127.2:80';

  it('puts a forward in force, and ends it and its folder when its ctl is closed', async () => {
    const { forwards } = net.opened.network;
    expect(await expose(WEB, 2)).toMatch(/^OK tcp:127\.0\.0\.1:\d+:tcp:192\.168\.127\.2:80\n$/);
    expect(forwards.list().map((forward) => forward.id)).toEqual([
      expect.stringMatching(/^tcp:127\.0\.0\.1:[1-9]\d+$/),
    ]);
    expect(await list(8000)).toEqual(['README', WEB]);
    expect((await ask(T.clunk, new MessageWriter().u32(2))).type).toBe(T.clunk + 1);
    expect(forwards.list()).toEqual([]);
    expect(await list(8000)).toEqual(['README']);
    expect(await expose(WEB, 2)).toMatch(/^OK /);
  });

  it('is not ended by another that reads its ctl, which says the same', async () => {
    const answer = await expose(WEB, 2);
    await ask(T.walk, new MessageWriter().u32(0).u32(3).u16(2).text(WEB).text('ctl'));
    await ask(T.open, new MessageWriter().u32(3).u8(0));
    expect(await readAt(3, 0)).toBe(answer);
    await ask(T.clunk, new MessageWriter().u32(3));
    expect(net.opened.network.forwards.list()).toHaveLength(1);
  });

  it('is ended by another that opens its ctl and closes it again, as VPNKit’s client unexposes', async () => {
    await expose(WEB, 2);
    await ask(T.walk, new MessageWriter().u32(0).u32(3).u16(2).text(WEB).text('ctl'));
    await ask(T.open, new MessageWriter().u32(3).u8(0));
    await ask(T.clunk, new MessageWriter().u32(3));
    expect(net.opened.network.forwards.list()).toEqual([]);
    expect(await list(8000)).toEqual(['README']);
  });

  it('says in ctl that nothing was asked for yet, and in README what to ask', async () => {
    await ask(T.walk, new MessageWriter().u32(0).u32(1).u16(0));
    await ask(T.create, new MessageWriter().u32(1).text(WEB).u32(DMDIR).u8(0));
    await ask(T.walk, new MessageWriter().u32(1).u32(2).u16(1).text('ctl'));
    expect(await readAt(2, 0)).toMatch(/^ERROR no request received/);
    await ask(T.walk, new MessageWriter().u32(0).u32(3).u16(1).text('README'));
    expect(await readAt(3, 0)).toContain('write PROTO:IP:PORT:PROTO:IP:PORT to its file "ctl"');
  });

  it('ends a forward whose folder is removed, whoever asked for it', async () => {
    const { forwards } = net.opened.network;
    const [spec] = parseForwards('127.0.0.1:0:192.168.127.2:81');
    if (spec === undefined) throw new Error('no forward');
    const { id } = await forwards.add(spec);
    const name = `${id}:tcp:192.168.127.2:81`;
    expect(await list(8000)).toEqual(['README', name]);
    await ask(T.walk, new MessageWriter().u32(0).u32(2).u16(1).text(name));
    expect((await ask(T.remove, new MessageWriter().u32(2))).type).toBe(T.remove + 1);
    expect(forwards.list()).toEqual([]);
  });

  it('lists more forwards than a message holds, each whole and once', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `unix:${btoa(`${net.folder}/${at}`)}:tcp:0.0.0.0:80`);
    for (const name of names) {
      const spec = parsePort(name);
      if (spec === undefined) throw new Error(name);
      await net.opened.network.forwards.add(spec);
    }
    expect(await list(300)).toEqual(['README', ...names]);
  });

  it('tells that the address is taken, and that a folder is there already', async () => {
    const port = (await expose(WEB, 2)).split(':')[2];
    expect(await expose(`tcp:127.0.0.1:${port}:tcp:192.168.127.2:81`, 3)).toMatch(/^ERROR EADDRINUSE /);
    expect(await expose('nonsense', 4)).toMatch(/^ERROR "nonsense"/);
    expect(await expose(WEB, 5)).toBe('file already exists');
  });

  it('ends the forwards of a client that goes', async () => {
    await expose('udp:127.0.0.1:0:udp:192.168.127.2:53', 2);
    const gone = new Promise<void>((resolve) => {
      net.opened.network.forwards.onChange = resolve;
    });
    client.destroy();
    await gone;
    expect(net.opened.network.forwards.list()).toEqual([]);
  });

  it('takes no more questions while nobody reads its answers, and answers all of them when somebody does', async () => {
    const questions = 20_000;
    await ask(T.walk, new MessageWriter().u32(0).u32(3).u16(1).text('README'));
    const question = new MessageWriter().u32(3).u64(0).u32(8000);
    const { length } = (await ask(T.read, question)).data();
    client.pause();
    for (let i = 0; i < questions; i++) client.write(question.message(T.read, 1));
    // Another one is served meanwhile, for longer than it takes to read what waits.
    const waiting = client;
    client = connect({ path: join(net.folder, 'port.sock') });
    for (let i = 0; i < 500; i++) await ask(T.version, new MessageWriter().u32(8192).text('9P2000'));
    client.destroy();
    expect(waiting.writableLength).toBeGreaterThan(0);
    let heard = 0;
    waiting.on('data', (bytes) => {
      heard += bytes.length;
    });
    waiting.resume();
    client = waiting;
    await expect.poll(() => heard, { timeout: 30_000 }).toBe(questions * (length + 11));
  });

  it('lets a file be truncated, and not renamed', async () => {
    await expose(WEB, 2);
    const wstat = (name: string) =>
      ask(T.wstat, new MessageWriter().u32(2).u16(49).bytes(new Uint8Array(41)).text(name));
    expect((await wstat('')).type).toBe(T.wstat + 1);
    expect((await wstat('other')).text()).toBe('wstat prohibited');
  });

  it('answers what it does not know with an error that Linux knows', async () => {
    expect((await ask(200, new MessageWriter().u32(0))).type).toBe(T.error);
    const unknown = await ask(T.read, new MessageWriter().u32(99).u64(0).u32(1));
    expect(unknown.text()).toBe('fid unknown or out of range');
    const missing = await ask(T.walk, new MessageWriter().u32(0).u32(5).u16(1).text('none'));
    expect(missing.text()).toBe('file does not exist');
    const twice = await ask(T.attach, new MessageWriter().u32(0).u32(0xffff_ffff).text('root').text(''));
    expect(twice.text()).toBe('fid already in use');
    await ask(T.walk, new MessageWriter().u32(0).u32(1).u16(0));
    const file = await ask(T.create, new MessageWriter().u32(1).text('file').u32(0o644).u8(0));
    expect(file.text()).toBe('permission denied');
  });
});
