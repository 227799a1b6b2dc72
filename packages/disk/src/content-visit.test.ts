import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from './block.ts';
import { CONTENT_PIECE_BYTES, type ContentFile, visitContents } from './content-visit.ts';
import { gatherWrites } from './gather.ts';
import type { ContentStore, FileNode } from './tree.ts';

const metadata = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const;

function streamed(bytes: Uint8Array): FileNode {
  return {
    ...metadata,
    sizeBytes: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

/** A store of noise that answers late, in any order, and counts what is asked of it at once. */
class NoiseStore implements ContentStore {
  readonly bytes: Uint8Array;
  reads = 0;
  pending = 0;
  mostPending = 0;

  constructor(sizeBytes: number, seed: number) {
    this.bytes = new Uint8Array(sizeBytes);
    seededRandom(seed).fill(this.bytes);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.reads++;
    this.pending++;
    this.mostPending = Math.max(this.mostPending, this.pending);
    for (let i = 0; i < 1 + (offset % 5); i++) await Promise.resolve();
    into.set(this.bytes.subarray(offset, offset + into.length));
    this.pending--;
  }

  file(offset: number, sizeBytes: number): FileNode {
    const content = this.bytes.subarray(offset, offset + sizeBytes);
    return { ...streamed(content), stored: { store: this, offset } };
  }
}

describe('visitContents', () => {
  it('gives every content whole and in order, from stores and streams, in any order of places', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = seededRandom(seed);
      const stores = [new NoiseStore(6 << 20, seed), new NoiseStore(1 << 20, seed + 100)];
      const files: ContentFile[] = [];
      for (let i = 0; i < 100; i++) {
        const store = stores[random.u32() % 8 === 0 ? 1 : 0] as NoiseStore;
        const large = random.u32() % 20 === 0;
        const sizeBytes = random.u32() % (large ? 3 << 20 : 20_000);
        const offset = random.u32() % Math.max(1, store.bytes.length - sizeBytes);
        const size = Math.min(sizeBytes, store.bytes.length - offset);
        const node = store.file(offset, size);
        files.push({ path: `f${i}`, node: random.u32() % 9 === 0 ? streamed(await whole(node)) : node });
      }
      // Through a sink that holds on to large pieces, as the writers do.
      const disk = new MemoryDisk();
      const starts = new Map<ContentFile, number>();
      let end = 0;
      for (const file of files) {
        starts.set(file, end);
        end += file.node.sizeBytes;
      }
      const late = {
        async write(offset: number, bytes: Uint8Array) {
          for (let i = 0; i < 4; i++) await Promise.resolve();
          await disk.write(offset, bytes);
        },
        truncate: (sizeBytes: number) => disk.truncate(sizeBytes),
      };
      await gatherWrites(late, {}, (sink) =>
        visitContents(files, {
          visit: (file, at, bytes) => sink.put((starts.get(file) ?? 0) + at, bytes),
          step: () => sink.step(),
        }),
      );
      for (const file of files) {
        const start = starts.get(file) ?? 0;
        const written = disk.bytes.subarray(start, start + file.node.sizeBytes);
        expect(Buffer.compare(written, await whole(file.node)), `seed ${seed}, ${file.path}`).toBe(0);
      }
    }
  });

  it('reads small files that lie together at once, and large ones in pieces', async () => {
    const store = new NoiseStore(4 << 20, 1);
    const small = Array.from({ length: 200 }, (_, i) => ({ path: `${i}`, node: store.file(i * 5000, 4500) }));
    const visited: string[] = [];
    const visitor = {
      visit: (file: ContentFile, at: number) => void visited.push(`${file.path}@${at}`),
      step: async () => {},
    };
    await visitContents(small, visitor);
    expect(store.reads).toBe(1);
    expect(visited).toEqual(small.map(({ path }) => `${path}@0`));
    visited.length = 0;
    await visitContents([{ path: 'large', node: store.file(1000, 2.5 * CONTENT_PIECE_BYTES) }], visitor);
    expect(visited).toEqual(['large@0', `large@${CONTENT_PIECE_BYTES}`, `large@${2 * CONTENT_PIECE_BYTES}`]);
    expect(store.reads).toBe(4);
    expect(store.mostPending).toBe(2);
  });

  it('fails with the failure of the store or of a visit, and nothing is being read any more', async () => {
    const store = new NoiseStore(8 << 20, 2);
    const files = [{ path: 'large', node: store.file(0, 8 << 20) }];
    const failing = {
      visit: () => {
        throw new Error('full');
      },
      step: async () => {},
    };
    await expect(visitContents(files, failing)).rejects.toThrow('full');
    expect(store.pending).toBe(0);
    const broken: ContentStore = {
      async read() {
        throw new Error('bad sector');
      },
    };
    const node = { ...streamed(new Uint8Array(10)), stored: { store: broken, offset: 0 } };
    const silent = { visit: () => {}, step: async () => {} };
    await expect(visitContents([{ path: 'a', node }], silent)).rejects.toThrow('bad sector');
  });
});

async function whole(node: FileNode): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of node.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
