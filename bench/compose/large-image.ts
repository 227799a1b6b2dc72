/** Puts an image `bench/large` of LAYERS layers of LAYER_MB each into a store: files of 4 MB that hardly compress. */
import type { EntryStream } from '@orlop/archive';
import { ImageStore, writeImage } from '@orlop/oci';

const FILE_BYTES = 4 << 20;
const CHUNK_BYTES = 256 << 10;

const [folder = '', layers = '1', layerMb = '1'] = process.argv.slice(2);
const store = await ImageStore.open(folder);

async function* layer(index: number): EntryStream {
  const files = (Number(layerMb) << 20) / FILE_BYTES;
  for (let file = 0; file < files; file++) {
    yield {
      header: {
        name: `layer-${index}-file-${file}`,
        type: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        sizeBytes: FILE_BYTES,
        mtime: 0,
      },
      body: noise((index << 16) + file),
    };
  }
}

/** Half noise, half text: what binaries are like. */
async function* noise(seed: number): AsyncGenerator<Uint8Array> {
  let state = seed + 1;
  for (let at = 0; at < FILE_BYTES; at += CHUNK_BYTES) {
    const words = new Uint32Array(CHUNK_BYTES / 4);
    for (let i = 0; i < words.length / 2; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      words[i] = state;
    }
    yield new Uint8Array(words.buffer);
  }
}

const manifest = await writeImage(store, {
  platform: { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' },
  config: {},
  layers: Array.from({ length: Number(layers) }, (_, index) => layer(index)),
  // Layers that are not compressed cost the bench least, and the composing no less memory.
  compression: 'none',
});
await store.tag('bench/large', manifest);
