import { bytesBody, type EntryHeader } from '@orlop/archive';
import { describe, expect, it } from 'vitest';
import { APK_DATABASE, surveyRoot } from './root-survey.ts';
import type { ComposeImage } from './rootfs-plan.ts';

/** An image of which only a package database matters. */
function alpine(reference: string, sizeBytes: number): ComposeImage {
  const header: EntryHeader = {
    ...{ name: APK_DATABASE, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, sizeBytes },
  };
  return {
    ...{ reference, digest: reference, defaults: {}, labels: {} },
    headers: async () => [header],
    async *entries() {
      yield { header, body: bytesBody(new Uint8Array(Math.min(sizeBytes, 9))) };
    },
    async *layout() {},
  };
}

describe('surveyRoot', () => {
  it('reads the package databases of two images', async () => {
    const { apkDatabases } = await surveyRoot([alpine('a', 9), alpine('b', 9)], []);
    expect(apkDatabases.map((bytes) => bytes.length)).toEqual([9, 9]);
  });

  it('refuses a package database that is larger than any, and reads none of it', async () => {
    await expect(surveyRoot([alpine('a', 9), alpine('b', 2 ** 40)], [])).rejects.toMatchObject({
      code: 'kit.invalid-image',
      message: 'b: lib/apk/db/installed is 1099511627776 bytes, and none has over 67108864',
    });
  });
});
