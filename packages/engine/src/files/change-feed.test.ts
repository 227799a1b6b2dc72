import { describe, expect, it } from 'vitest';
import { ChangeFeed } from './change-feed.ts';
import * as inotify from './inotify-events.ts';
import { type PathStatus, type RaisedEvent, RaisedEvents } from './raised-events.ts';
import type { Change } from './tree-watcher.ts';

const MASKS = {
  content: inotify.IN_MODIFY,
  attributes: inotify.IN_ATTRIB,
  gone: inotify.IN_DELETE,
  closed: inotify.IN_CLOSE_WRITE,
} as const;
type Kind = keyof typeof MASKS;

function changeOf(path: string, kind: Kind): Change {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { root: '/s', path, name, folderInode: 1n, mask: MASKS[kind], cookie: 0 };
}

/** A tree of files in memory, and a machine in which `watched` is watched; time goes by `pass`. */
function world({ wanted = true, watches = 1 } = {}) {
  const files = new Map<string, PathStatus>();
  const raised: RaisedEvent[][] = [];
  let nowMs = 0;
  let timers: { atMs: number; work: () => void }[] = [];
  let inode = 10n;
  const told: (readonly Change[])[] = [];
  const teller = new RaisedEvents({
    status: async (path) => files.get(path),
    raise: async (events) => {
      raised.push([...events]);
      return watches;
    },
  });
  const feed = new ChangeFeed({
    tell: (changes) => {
      told.push(changes);
      return teller.tell(changes);
    },
    maxChanges: () => 5000,
    isWanted: () => wanted,
    nowMs: () => nowMs,
    after: (delayMs, work) => {
      const timer = { atMs: nowMs + delayMs, work };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    onError: (error) => {
      throw error;
    },
  });
  const put = (path: string, change: Partial<PathStatus> = {}) => {
    const before = files.get(path);
    files.set(path, {
      kind: 'file',
      inode: before?.inode ?? inode++,
      sizeBytes: 1n,
      modifiedNs: BigInt(nowMs),
      mode: 0o644n,
      owner: '0:0',
      ...before,
      ...change,
    });
  };
  const pass = async (durationMs: number) => {
    const untilMs = nowMs + durationMs;
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      timers = timers.filter((one) => one !== next);
      nowMs = next.atMs;
      next.work();
      await new Promise((resolve) => setImmediate(resolve));
    }
    nowMs = untilMs;
  };
  const notes = async (...changes: [string, Kind][]) => {
    for (const [path, kind] of changes) feed.note(changeOf(path, kind));
    await pass(1000);
    return raised.splice(0).flatMap((events) => events.map(({ kind, path }) => `${kind} ${path}`));
  };
  put('/s', { kind: 'folder' });
  return { feed, files, put, pass, notes, raised, told };
}

describe('ChangeFeed', () => {
  it('tells of a new file, of more in it, and of another mode, each as what it is', async () => {
    const { put, notes } = world();
    put('/s/a');
    expect(await notes(['/s/a', 'content'], ['/s/a', 'content'])).toEqual(['modify /s/a']);
    put('/s/a', { sizeBytes: 2n });
    expect(await notes(['/s/a', 'content'])).toEqual(['modify /s/a']);
    put('/s/a', { mode: 0o600n });
    expect(await notes(['/s/a', 'attributes'])).toEqual(['attrib /s/a']);
  });

  it('tells the folder of what went, of links, and of names that a line cannot hold', async () => {
    const { put, files, notes } = world();
    expect(await notes(['/s/gone', 'gone'])).toEqual(['attrib /s']);
    put('/s', { modifiedNs: 5n });
    put('/s/link', { kind: 'other' });
    expect(await notes(['/s/link', 'content'])).toEqual(['attrib /s']);
    put('/s', { modifiedNs: 6n });
    put('/s/a\nb');
    expect(await notes(['/s/a\nb', 'content'])).toEqual(['attrib /s']);
    expect([...files.keys()]).toContain('/s/a\nb');
  });

  it('ends at what raising an event causes on the host', async () => {
    const { put, notes } = world();
    put('/s/a');
    expect(await notes(['/s/a', 'content'], ['/s/gone', 'gone'])).toEqual(['modify /s/a', 'attrib /s']);
    // utimensat and chmod in the machine: events on the host, with everything as it was.
    expect(await notes(['/s/a', 'content'], ['/s/a', 'attributes'], ['/s', 'attributes'])).toEqual([]);
  });

  it('takes an event that only says attributes for one of the mode', async () => {
    const { put, notes } = world();
    put('/s/old');
    expect(await notes(['/s/old', 'attributes'])).toEqual(['attrib /s/old']);
  });

  it('names the inodes of file and folder, which is how watches are found', async () => {
    const { put, feed, pass, raised } = world();
    put('/s/a', { inode: 77n });
    put('/s', { inode: 5n });
    feed.note(changeOf('/s/a', 'content'));
    await pass(1000);
    expect(raised[0]?.[0]).toMatchObject({ inode: 77n, folderInode: 5n });
  });

  it('waits until a file rests, but not for ever', async () => {
    const { put, feed, pass, raised } = world();
    put('/s/a');
    for (let turn = 0; turn < 10; turn++) {
      feed.note(changeOf('/s/a', 'content'));
      await pass(20);
      if (turn === 5) expect(raised).toEqual([]);
    }
    await pass(60);
    expect(raised.length).toBe(1);
    for (let turn = 0; turn < 40; turn++) {
      put('/s/a', { sizeBytes: BigInt(turn) });
      feed.note(changeOf('/s/a', 'content'));
      await pass(20);
    }
    expect(raised.length).toBeGreaterThan(2);
  });

  it('tells of the folder of what is too much to be told by itself', async () => {
    const { put, feed, pass, told } = world();
    const changes: [string, Kind][] = [];
    for (let index = 0; index < 6000; index++) {
      put(`/s/${index}`);
      changes.push([`/s/${index}`, 'content']);
    }
    for (const [path, kind] of changes) feed.note(changeOf(path, kind));
    await pass(1000);
    expect(told[0]?.length).toBe(5001);
    expect(told[0]?.at(-1)).toMatchObject({
      path: '/s',
      name: '',
      mask: inotify.IN_ATTRIB | inotify.IN_ISDIR,
    });
  });

  it('keeps what happens to a path in its order, and what happens again and again once', async () => {
    const { feed, pass, told } = world();
    for (const kind of ['content', 'content', 'closed', 'gone', 'content', 'content'] as const)
      feed.note(changeOf('/s/a', kind));
    feed.note({ ...changeOf('/s/a', 'content'), found: 'made' });
    await pass(1000);
    expect(told.flat().map(({ mask }) => mask)).toEqual(
      ['content', 'closed', 'gone', 'content'].map((kind) => MASKS[kind as Kind]),
    );
  });

  it('raises nothing for a file that was opened for writing and closed', async () => {
    const { put, notes } = world();
    put('/s/a');
    expect(await notes(['/s/a', 'closed'])).toEqual([]);
  });

  it('tells of a thousand files in a few requests', async () => {
    const { put, feed, pass, raised } = world();
    for (let index = 0; index < 1000; index++) {
      put(`/s/${index}`);
      feed.note(changeOf(`/s/${index}`, 'content'));
    }
    await pass(1000);
    expect(raised.map((events) => events.length)).toEqual([500, 500]);
  });

  it('asks the machine seldom while nobody watches in it', async () => {
    const { put, feed, pass, raised } = world({ watches: 0 });
    for (let turn = 0; turn < 100; turn++) {
      put('/s/a', { sizeBytes: BigInt(turn) });
      feed.note(changeOf('/s/a', 'content'));
      await pass(20);
    }
    expect(raised.length).toBeLessThanOrEqual(6);
  });

  it('keeps nothing while nobody could watch, and nothing after its end', async () => {
    const idle = world({ wanted: false });
    idle.put('/s/a');
    expect(await idle.notes(['/s/a', 'content'])).toEqual([]);
    const ended = world();
    ended.put('/s/a');
    ended.feed.stop();
    expect(await ended.notes(['/s/a', 'content'])).toEqual([]);
  });
});
