import { seededRandom } from '@orlop/testkit';
import { expect, it } from 'vitest';
import { ForwardStats } from '../../forward/forward.ts';
import { ForwardTable } from '../../forward/forward-table.ts';
import { DMDIR, MessageReader, MessageWriter, NINEP_TYPES as T } from './message.ts';
import { PortSession } from './port-session.ts';

const SEED = 9;
const ROUNDS = process.env['ORLOP_LONG'] === '1' ? 1_000_000 : 20_000;

/** What Linux sends to expose a port, each message with its type. */
function conversation(): readonly Uint8Array[] {
  const name = 'tcp:127.0.0.1:8080:tcp:192.168.127.2:80';
  const messages: readonly (readonly [number, MessageWriter])[] = [
    [T.version, new MessageWriter().u32(8192).text('9P2000')],
    [T.attach, new MessageWriter().u32(0).u32(0xffff_ffff).text('root').text('')],
    [T.walk, new MessageWriter().u32(0).u32(1).u16(0)],
    [T.create, new MessageWriter().u32(1).text(name).u32(DMDIR).u8(0)],
    [T.walk, new MessageWriter().u32(0).u32(2).u16(2).text(name).text('ctl')],
    [T.open, new MessageWriter().u32(2).u8(2)],
    [T.write, new MessageWriter().u32(2).u64(0).data(Buffer.from(name))],
    [T.read, new MessageWriter().u32(2).u64(0).u32(1000)],
    [T.stat, new MessageWriter().u32(1)],
    [T.wstat, new MessageWriter().u32(2).u16(49).bytes(new Uint8Array(41)).text('')],
    [T.read, new MessageWriter().u32(0).u64(0).u32(100)],
    [T.remove, new MessageWriter().u32(1)],
    [T.clunk, new MessageWriter().u32(2)],
  ];
  return messages.map(([type, body]) => body.message(type, 1));
}

it(`PortSession answers any bytes with one whole message, and ends what it was asked for (seed ${SEED})`, async () => {
  const running = () => ({ local: undefined, stats: new ForwardStats(), lead: () => {}, close: () => {} });
  const forwards = new ForwardTable({
    tcp: async () => running(),
    udp: async () => running(),
    endToHost: () => {},
  });
  const session = new PortSession(forwards);
  const random = seededRandom(SEED);
  const below = (limit: number) => random.u32() % limit;
  const seeds = conversation();
  for (let round = 0; round < ROUNDS; round++) {
    const seed = seeds[round % seeds.length] ?? new Uint8Array(7);
    let bytes = Uint8Array.from(seed);
    for (let change = below(4); change > 0; change--) bytes[4 + below(bytes.length - 4)] = below(256);
    if (below(8) === 0) bytes = bytes.subarray(0, 7 + below(bytes.length - 6));
    const answer = await session.answer(bytes);
    expect(Buffer.from(answer).readUInt32LE(0)).toBe(answer.length);
    const { type, tag } = new MessageReader(answer);
    expect(type % 2).toBe(1);
    expect(tag).toBe(new MessageReader(bytes).tag);
  }
  session.close();
  expect(forwards.list()).toEqual([]);
});
