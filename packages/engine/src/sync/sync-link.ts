import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@orlop/core';
import type { Poller } from '@orlop/vnet';
import { AncestorStore } from './ancestor-store.ts';
import { GuestChannel } from './guest-channel.ts';
import { GuestCopy } from './guest-copy.ts';
import { followMachine } from './guest-watch.ts';
import { HostTree } from './host-tree.ts';
import { followHost } from './host-watch.ts';
import type { SyncSetting } from './sync-settings.ts';
import { STAGE_NAME } from './sync-side.ts';
import { TwoReplicas } from './two-replicas.ts';

export interface SyncLinkOptions {
  readonly setting: SyncSetting;
  /** Of this share alone: its record, and contents on their way. */
  readonly folder: string;
  /** A connection to pkg/docker/engine-sync for one of its words. */
  readonly open: (what: 'serve' | 'watch', setting: SyncSetting, signal: AbortSignal) => Promise<Duplex>;
  readonly poller: Poller | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onProgress: (done: number, total: number) => void;
  /** Something has happened on either side; `dirty` of the replicas says what, or that everything is to be looked at. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

/** Both sides of a synchronised share, followed, for as long as the machine can be reached. */
export interface SyncLink {
  readonly replicas: TwoReplicas;
  /** Whether each change of either side is told. */
  isFollowed(): boolean;
  /** Writes down what was agreed as far as it is under way, and lets go of both sides. */
  close(): Promise<void>;
}

const RETRY_MS = 2000;
/** The copy's name in its own root: pkg/docker/engine-sync. */
const COPY_ROOT = '/copy/tree';

/** @throws OrlopError, also when either side cannot be reached; nothing is left open then */
export async function openSyncLink(options: SyncLinkOptions): Promise<SyncLink> {
  const { setting, folder, open, clock, logger, onProgress, signal } = options;
  const host = await HostTree.open({
    root: setting.path,
    stage: join(folder, 'stage'),
    nowMs: () => clock.wallMs(),
    asideName: (name) => replicas.asideName(name, 'host'),
  });
  const channel = new GuestChannel(await open('serve', setting, signal));
  const store = await AncestorStore.open(join(folder, 'agreed')).catch((error: unknown) => {
    channel.close();
    throw error;
  });
  const { owner } = setting;
  const copy = new GuestCopy(channel, owner === undefined ? {} : { owner });
  const replicas = new TwoReplicas({
    ...{ setting, host, copy, store, onProgress },
    wallMs: () => clock.wallMs(),
  });
  const ended = new AbortController();
  const onAbort = () => {
    ended.abort();
    channel.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  let follows: { readonly host: ReturnType<typeof followHost>; readonly machine: { isOn(): boolean } };
  const close = async () => {
    follows?.host.close();
    signal.removeEventListener('abort', onAbort);
    onAbort();
    await replicas.commit().catch(() => undefined); // only waits for one that is under way
    await store.close();
  };
  try {
    await belongTogether({ copy, store, logger, path: setting.path });
    follows = follow(replicas, { ...options, signal: ended.signal });
  } catch (error) {
    await close();
    throw error;
  }
  return { replicas, isFollowed: () => follows.host.isWhole() && follows.machine.isOn(), close };
}

function follow(
  replicas: TwoReplicas,
  { setting, open, poller, logger, onChange, signal }: SyncLinkOptions,
): { readonly host: ReturnType<typeof followHost>; readonly machine: ReturnType<typeof followMachine> } {
  const note = (side: 'host' | 'machine') => (path: string | undefined) => {
    if (path === undefined) replicas.distrust();
    else if (path.split('/', 1)[0] !== STAGE_NAME) replicas.dirty[side].add(path);
    onChange();
  };
  return {
    host: followHost({ root: setting.path, poller, logger, onChange: note('host') }),
    machine: followMachine({
      open: (end) => open('watch', setting, end),
      ...{ root: COPY_ROOT, retryMs: RETRY_MS, signal },
      onChange: note('machine'),
      onEnd: (reason) => logger.debug('the copy is not followed', { share: setting.path, reason }),
    }),
  };
}

/** A record and a copy that are not of each other, or a copy that was put back to an older state, are compared as if they were new. */
async function belongTogether({
  copy,
  store,
  logger,
  path,
}: {
  readonly copy: GuestCopy;
  readonly store: AncestorStore;
  readonly logger: Logger;
  readonly path: string;
}): Promise<void> {
  const state = await copy.hello();
  if (state !== undefined && store.stamp === state.stamp && state.generation >= store.generation) {
    store.generation = state.generation;
    return;
  }
  if (state !== undefined || store.stamp !== '') {
    logger.info('a copy is not the one that was known, and is compared anew', { share: path });
  }
  const stamp = randomUUID();
  await store.reset(stamp);
  await copy.adopt(stamp);
}
