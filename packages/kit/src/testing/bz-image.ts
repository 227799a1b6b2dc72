/** A bzImage as boot.rst lays it out: one setup sector beside the first, then the payload and other code. */
export function bzImage(payload: Uint8Array, { protocol = 0x20f, version = '6.12.1 (x)' } = {}): Uint8Array {
  const setup = new Uint8Array(1024);
  const view = new DataView(setup.buffer);
  setup[0x1f1] = 1;
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, protocol, true);
  view.setUint16(0x20e, 0x100, true);
  view.setUint32(0x248, 16, true);
  view.setUint32(0x24c, payload.length, true);
  setup.set(new TextEncoder().encode(version), 0x300);
  return Buffer.concat([setup, new Uint8Array(16), payload, new Uint8Array(100).fill(7)]);
}
