import { describe, expect, it } from 'vitest';
import { BZIMAGE_HEADER_BYTES, readBzImagePayload } from './bzimage.ts';

function header({ setupSectors = 0, magic = 0x53726448, version = 0x20f } = {}): Uint8Array {
  const bytes = new Uint8Array(BZIMAGE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint32(0x202, magic, true);
  view.setUint16(0x206, version, true);
  view.setUint32(0x248, 716, true);
  view.setUint32(0x24c, 11_495_065, true);
  return bytes;
}

describe('readBzImagePayload', () => {
  it('finds the payload behind the sectors of the setup code', () => {
    expect(readBzImagePayload(header({ setupSectors: 39 }))).toEqual({
      protocol: 0x20f,
      offsetBytes: 40 * 512 + 716,
      lengthBytes: 11_495_065,
      trailerBytes: 4,
    });
  });

  it('takes no sectors for four, as old boot loaders did', () => {
    expect(readBzImagePayload(header())?.offsetBytes).toBe(5 * 512 + 716);
  });

  it('knows no other files, and none that ends within the header', () => {
    expect(readBzImagePayload(header({ magic: 0 }))).toBeUndefined();
    expect(readBzImagePayload(header().subarray(0, BZIMAGE_HEADER_BYTES - 1))).toBeUndefined();
  });
});
