import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifyProcess, keepLogsShort, type LockResult, replaceFile, takeProcessLock } from '@orlop/vm';
import { engineError } from '../errors.ts';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';
import { daemonPaths } from '../instance/instance-paths.ts';
import { registryPaths } from '../registry/registry-paths.ts';
import { DaemonServer } from './daemon-server.ts';
import { Engines } from './engines.ts';
import { EventHub } from './event-hub.ts';

export interface DaemonOptions {
  readonly around: EngineSurroundings;
  readonly version: string;
  /** What the program was built of; empty where that is not known. */
  readonly commit: string;
  /** Aborted by SIGTERM: the engines are stopped in order then. */
  readonly signal: AbortSignal;
  /** Ends by itself after this time without an engine and without a request. @default never */
  readonly idleExitMs?: number;
  /** It comes after the daemon that runs: it waits for the end of that one, and is told when it has begun to. @default it does not */
  readonly successor?: { readonly onWait: () => void; readonly signal: AbortSignal };
}

const IDLE_LOOK_MS = 1000;
/** So long Docker's sockets may be away beyond what two daemons need; a look reads three small files. */
const LOCK_LOOK_MS = 5;

/**
 * The daemon of one user and one home; resolves when it has ended. What a daemon that was killed has left is taken over:
 * its lock and socket by whoever comes next, its engines by joining them again.
 *
 * @throws OrlopError `daemon.running`
 */
export async function runDaemon({
  around,
  version,
  commit,
  signal,
  idleExitMs,
  successor,
}: DaemonOptions): Promise<void> {
  const paths = daemonPaths(around.home);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const lock = await (successor === undefined
    ? takeProcessLock(paths.lock)
    : takeAfter(paths.lock, successor));
  if (lock.kind === 'busy') {
    throw engineError('daemon.running', `a daemon runs already, as process ${lock.holder ?? '?'}`);
  }
  const events = new EventHub();
  const engines = new Engines(around, events.emit);
  const ended = new AbortController();
  const left = new AbortController();
  const server = new DaemonServer({
    engines,
    events,
    identity: {
      version,
      commit,
      pid: process.pid,
      startedAt: new Date(around.clock.wallMs()).toISOString(),
    },
    shutdown: () => ended.abort(),
  });
  try {
    await engines.recover();
    await replaceFile(paths.identity, JSON.stringify(await identifyProcess(process.pid)));
    await server.listen(paths.socket);
    const logs = [paths.log, registryPaths(around.home).log];
    keepLogsShort(
      { machines: around.home.machines, logs },
      {
        signal: left.signal,
        onError: (error) => around.logger.warn('a log cannot be cut', { reason: error.message }),
      },
    );
    around.logger.info('the daemon listens', { socket: paths.socket, pid: process.pid });
    await untilEnded(
      { signal, ended: ended.signal },
      {
        isBusy: () => engines.active || server.requests > 0,
        uses: () => server.requested,
        ...(idleExitMs !== undefined && { idleExitMs }),
        nowMs: () => around.clock.monotonicMs(),
      },
    );
    // Who asked for the end has said what becomes of them, and they may be the next daemon's.
    server.beginEnd();
    if (!ended.signal.aborted) await engines.stopAll();
  } finally {
    left.abort();
    await server.close();
    await rm(paths.identity, { force: true });
    await lock.release();
  }
}

/** Takes the lock when who has it now lets go of it; tells who has it, when that is a third. */
async function takeAfter(
  path: string,
  { onWait, signal }: NonNullable<DaemonOptions['successor']>,
): Promise<LockResult> {
  const first = await takeProcessLock(path);
  onWait();
  let lock = first;
  while (lock.kind === 'busy' && first.kind === 'busy' && lock.holder === first.holder) {
    await sleep(LOCK_LOOK_MS, undefined, { signal });
    lock = await takeProcessLock(path);
  }
  return lock;
}

function untilEnded(
  { signal, ended }: { readonly signal: AbortSignal; readonly ended: AbortSignal },
  idle: {
    readonly isBusy: () => boolean;
    /** How often it has been used: what was over before a look is noticed too. */
    readonly uses: () => number;
    readonly idleExitMs?: number;
    readonly nowMs: () => number;
  },
): Promise<void> {
  return new Promise((resolve) => {
    let usedAtMs = idle.nowMs();
    let uses = 0;
    const timer = setInterval(() => {
      if (idle.isBusy() || idle.uses() !== uses) usedAtMs = idle.nowMs();
      else if (idle.idleExitMs !== undefined && idle.nowMs() - usedAtMs >= idle.idleExitMs) finish();
      uses = idle.uses();
    }, IDLE_LOOK_MS);
    const finish = () => {
      clearInterval(timer);
      resolve();
    };
    signal.addEventListener('abort', finish, { once: true });
    ended.addEventListener('abort', finish, { once: true });
    if (signal.aborted || ended.aborted) finish();
  });
}
