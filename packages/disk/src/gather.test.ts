import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { type BlockSink, MemoryDisk } from './block.ts';
import { gatherWrites } from './gather.ts';

/** Counts the writes that arrive; the disk takes them late, as a file does. */
class SlowSink implements BlockSink {
  readonly disk = new MemoryDisk();
  writes = 0;

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.writes++;
    for (let i = 0; i < 3; i++) await Promise.resolve();
    await this.disk.write(offset, bytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.disk.truncate(sizeBytes);
  }
}

describe('gatherWrites', () => {
  it('leaves what the same writes leave when each is made alone, forward, back and over one another', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const [alone, sink] = [new MemoryDisk(), new SlowSink()];
      await gatherWrites(sink, {}, async (gathering) => {
        let at = 0;
        for (let i = 0; i < 60; i++) {
          const bytes = new Uint8Array(random.u32() % (i % 10 === 0 ? 700_000 : 5_000)).fill(1 + i);
          if (random.u32() % 4 === 0) at = random.u32() % 2_000_000;
          await gathering.write(at, bytes);
          await alone.write(at, bytes);
          at += bytes.length;
        }
      });
      expect(Buffer.compare(sink.disk.bytes, alone.bytes), `seed ${seed}`).toBe(0);
    }
  });

  it('makes one write of many that follow one another, tails of units filled with zeros', async () => {
    const sink = new SlowSink();
    await sink.disk.write(0, new Uint8Array(8192).fill(0xee));
    await gatherWrites(sink, { unitBytes: 512 }, async (gathering) => {
      for (let i = 0; i < 10; i++) await gathering.write(i * 512, new Uint8Array(100).fill(1 + i));
      await gathering.write(8000, Uint8Array.of(9));
    });
    expect(sink.writes).toBe(2);
    expect([...sink.disk.bytes.subarray(98, 102)]).toEqual([1, 1, 0, 0]);
    expect([sink.disk.bytes[512 * 9 + 100], sink.disk.bytes[7999], sink.disk.bytes[8000]]).toEqual([
      0xee, 0xee, 9,
    ]);
  });

  it('fails with the failure of the sink, and has nothing under way any more', async () => {
    let underWay = 0;
    const failing: BlockSink = {
      async write() {
        underWay++;
        for (let i = 0; i < 5; i++) await Promise.resolve();
        underWay--;
        throw new Error('no space');
      },
      async truncate() {},
    };
    const writing = gatherWrites(failing, {}, async (gathering) => {
      for (let i = 0; i < 5; i++) await gathering.write(i << 20, new Uint8Array(1 << 20));
    });
    await expect(writing).rejects.toThrow('no space');
    expect(underWay).toBe(0);
    const aborted = gatherWrites(failing, {}, async (gathering) => {
      gathering.put(0, new Uint8Array(1 << 20));
      await gathering.step();
      throw new Error('the writer gave up');
    });
    await expect(aborted).rejects.toThrow('the writer gave up');
    expect(underWay).toBe(0);
  });
});
