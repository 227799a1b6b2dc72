import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { silentLogger } from '@orlop/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSyncLink } from './sync-link.ts';
import { parseSync } from './sync-settings.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orlop-sync-link-'));
  for (const name of ['host', 'record']) await mkdir(join(folder, name));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const silentMachine = () => new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });

/** A link of which `open` gives the connections. */
function linkTo(open: () => Promise<Duplex>, signal: AbortSignal) {
  const setting = parseSync(join(folder, 'host'), {});
  if (typeof setting === 'string') throw new Error(setting);
  return openSyncLink({
    ...{ setting, open, signal, poller: undefined, logger: silentLogger },
    folder: join(folder, 'record'),
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    onProgress: () => {},
    onChange: () => {},
  });
}

describe('openSyncLink', () => {
  it('leaves no connection open when its record cannot be read', async () => {
    await mkdir(join(folder, 'record', 'agreed'));
    const stream = silentMachine();
    const link = linkTo(async () => stream, new AbortController().signal);
    await expect(link).rejects.toMatchObject({ code: 'EISDIR' });
    expect(stream.destroyed).toBe(true);
  });

  it('ends at once, and leaves nothing open, when it is stopped while the machine is dialled', async () => {
    const stop = new AbortController();
    const stream = silentMachine();
    const link = linkTo(async () => {
      stop.abort();
      return stream;
    }, stop.signal);
    await expect(link).rejects.toThrow();
    expect(stream.destroyed).toBe(true);
  });
});
