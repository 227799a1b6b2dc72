import { describe, expect, it } from 'vitest';
import { bzImage } from '../testing/bz-image.ts';
import { kernelVersion } from './kernel-version.ts';

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('kernelVersion', () => {
  it('reads what a bzImage tells of itself, and nothing from other files', async () => {
    const kernel = new Uint8Array(2000);
    expect(await kernelVersion(once(bzImage(kernel)))).toEqual({ major: 6, minor: 12 });
    expect(await kernelVersion(once(bzImage(kernel, { version: 'abc' })))).toBeUndefined();
    expect(await kernelVersion(once(kernel))).toBeUndefined();
    expect(await kernelVersion(once(new Uint8Array(3)))).toBeUndefined();
  });
});
