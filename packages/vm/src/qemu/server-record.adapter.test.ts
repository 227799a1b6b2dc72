import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isReplaced, recordServer, serverFullness } from './server-record.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-server-record-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the record of what a server serves', () => {
  it.each(['', '{"folder":"1:2","pro', 'null', '[]', '{"folder":1}'])(
    'is as if there were none when the file holds %j',
    async (text) => {
      await writeFile(join(folder, 'share0.served'), text);
      const place = { folder, index: 0 };
      expect(await isReplaced(folder, place)).toBe(false);
      expect(await serverFullness(place)).toBe(0);
    },
  );

  it('is whole or not there, for the user alone', async () => {
    const record = { shared: { dev: 1, ino: 2 }, process: 0, socket: join(folder, 's') };
    await recordServer({ folder, index: 0 }, record);
    expect(await readdir(folder)).toEqual(['share0.served']);
    const path = join(folder, 'share0.served');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ folder: '1:2' });
    expect(await isReplaced(folder, { folder, index: 0 })).toBe(true);
  });
});
