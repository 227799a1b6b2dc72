import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { joinNetwork } from '@orlop/vnet';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { orlopProgram } from '../program.ts';
import { contextIn } from '../testing/command-under-test.ts';
import { converse, type Exchange } from '../testing/gvproxy-conversation.ts';
import { gvproxyArguments } from './gvproxy-arguments.ts';

/**
 * What gvproxy 0.8.1 of Debian 13 answered. Held anew with it: `GVPROXY=/path/to/gvproxy RECORD=1 npx vitest run
 * packages/cli/src/commands/gvproxy-answers`; without RECORD the program is compared with what stands here.
 */
const RECORD = new URL('./gvproxy-0.8.1.json', import.meta.url);
const GVPROXY = process.env['GVPROXY'];
/** Where the words are those of Go's libraries, the status alone is held to. */
const GO_WORDS = /^(listen |address |invalid character|strconv|unknown protocol|proxy already)/;

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Starts it with a guest at 192.168.127.2 whose port 22 greets, talks with it, and ends it by pulling the guest out. */
async function answersOf(
  start: (words: readonly string[]) => Promise<unknown>,
): Promise<readonly Exchange[]> {
  const folder = await temporaryFolder('gvproxy-answers');
  closers.push(() => folder.remove());
  const [qemu, api] = [join(folder.path, 'qemu.sock'), join(folder.path, 'api.sock')];
  // Below what the system gives to clients.
  const firstPort = 20_000 + (process.pid % 1000) * 11;
  const taken: Server = createServer().listen(firstPort + 9, '127.0.0.1');
  await once(taken, 'listening');
  closers.push(() => taken.close());
  const ended = start([
    ...['-mtu', '1500', '-ssh-port', `${firstPort + 10}`],
    ...['-listen-qemu', `unix://${qemu}`, '-listen', `unix://${api}`],
  ]);
  await vi.waitUntil(() => existsSync(qemu) && existsSync(api), 20_000);
  const guest = await joinNetwork({
    ...{ socketPath: qemu, mac: 0x5a94efe40cee },
    ...{ addresses: ['192.168.127.2/24'], gateways: ['192.168.127.1'] },
  });
  await guest.listen({ port: 22 }, async (stream) => {
    await stream.write(new TextEncoder().encode('SSH-2.0-guest'));
    stream.end();
  });
  // It is heard, so that it stands in the table of Ethernet addresses.
  const early = await guest.connect({ address: '192.168.127.1', port: 80 });
  early.end();
  const said = await converse({ socketPath: api, folder: folder.path, firstPort });
  guest.close();
  await ended;
  return said;
}

const recorded = (): readonly Exchange[] => JSON.parse(readFileSync(RECORD, 'utf8')) as Exchange[];
const exchangeOf = (all: readonly Exchange[], asked: string) => all.find((one) => one.asked === asked);
const told = ({ asked, status, text }: Exchange) => {
  if (asked === 'GET /stats' || asked === 'GET /cam') return { asked, status };
  return GO_WORDS.test(text) || status === 400 ? { asked, status } : { asked, status, text };
};

describe('gvproxy’s API', () => {
  it('is answered by orlop gvproxy as gvproxy 0.8.1 answered it', async () => {
    const interrupt = new AbortController();
    closers.push(() => interrupt.abort());
    const own = await answersOf((words) => {
      const context = contextIn('/tmp', interrupt.signal);
      const line = ['gvproxy', ...gvproxyArguments(words)];
      return orlopProgram(context).parseAsync(line, { from: 'user' });
    });
    // Its own words where it has some: what is asked of GET that changes something.
    expect(exchangeOf(own, 'GET /services/dns/add')?.text).toBe('post only\n');
    const words = (all: readonly Exchange[]) =>
      all.map((one, i) =>
        told({ ...one, text: GO_WORDS.test(recorded()[i]?.text ?? '') ? 'listen ' : one.text }),
      );
    expect(words(own)).toEqual(words(recorded()));
    const keys = (all: readonly Exchange[], asked: string) =>
      Object.keys(JSON.parse(exchangeOf(all, asked)?.text ?? '{}') as object);
    expect(keys(own, 'GET /cam')).toEqual(keys(recorded(), 'GET /cam'));
    expect(keys(recorded(), 'GET /stats')).toEqual(expect.arrayContaining(keys(own, 'GET /stats')));
    expect(keys(own, 'GET /stats')).toEqual(
      expect.arrayContaining(['BytesSent', 'BytesReceived', 'TCP', 'UDP']),
    );
  });

  it.runIf(GVPROXY !== undefined)('is answered by gvproxy as recorded', async () => {
    const real = await answersOf(async (words) => {
      const child = spawn(GVPROXY ?? '', words, { stdio: 'ignore' });
      closers.push(() => child.kill());
      await once(child, 'exit');
    });
    if (process.env['RECORD'] !== undefined) writeFileSync(RECORD, `${JSON.stringify(real, undefined, 1)}\n`);
    const told = (all: readonly Exchange[]) => all.map(({ asked, status }) => ({ asked, status }));
    expect(told(real)).toEqual(told(recorded()));
  });
});
