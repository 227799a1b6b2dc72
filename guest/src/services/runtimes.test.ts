import { describe, expect, test } from 'vitest';
import { readBundle } from '../container/bundle.ts';
import { runc } from '../container/runc.ts';
import { paths } from '../paths.ts';
import { MemorySystem } from '../system/memory-system.ts';
import { ContainerdRuntime } from './containerd-runtime.ts';
import { RuncRuntime } from './runc-runtime.ts';
import type { ServiceRuntime } from './runtime.ts';

/** How each runtime's world behaves, so that one suite can hold both to the same contract. */
interface World {
  readonly runtime: ServiceRuntime;
  readonly system: MemorySystem;
  /** The container's process comes up with a pid. */
  come(pid: number): void;
  /** It ends. */
  go(status: number): void;
  /** The program that should start it gives up. */
  fail(): void;
}

function machine(): MemorySystem {
  const system = new MemorySystem();
  system.files.put('/dev/console', '', 'character-device');
  system.files.makeFolder(paths.logs);
  system.files.put(`${paths.services}/a/config.json`, '{"root":{"path":"rootfs"}}');
  return system;
}

const pidFile = `${paths.processes}/a`;

function runcWorld(): World {
  const system = machine();
  return {
    runtime: new RuncRuntime(system),
    system,
    come: (pid) => {
      system.files.put(pidFile, `${pid}\n`);
      system.advance(100);
    },
    go: (status) => system.end(system.processes.pidOf(`${runc.join(' ')} run`), { kind: 'exited', status }),
    fail: () => system.end(system.processes.pidOf(`${runc.join(' ')} run`), { kind: 'exited', status: 1 }),
  };
}

function containerdWorld(): World {
  const system = machine();
  system.files.put(paths.containerdSocket, '', 'socket');
  const runtime = new ContainerdRuntime(system);
  const finish = (): void =>
    system.end(system.processes.pidOf('container delete a'), { kind: 'exited', status: 0 });
  return {
    runtime,
    system,
    come: (pid) => {
      system.files.put(pidFile, `${pid}\n`);
      system.end(system.processes.pidOf(' run --detach'), { kind: 'exited', status: 0 });
    },
    go: (status) => {
      const event = JSON.stringify({ container_id: 'a', id: 'a', pid: 1, exit_status: status });
      system.processes.say(
        'ctr events',
        `2026-11-25 00:00:00 +0000 UTC services.linuxkit /tasks/exit ${event}`,
      );
      finish();
    },
    fail: () => {
      system.end(system.processes.pidOf(' run --detach'), { kind: 'exited', status: 1 });
      finish();
    },
  };
}

describe.each([
  ['RuncRuntime', runcWorld],
  ['ContainerdRuntime', containerdWorld],
] as const)('%s', (_name, make) => {
  const opened = (): World & { readonly said: string[]; start(): void } => {
    const world = make();
    // A fresh containerd removes the socket of an older one; then the new one appears.
    const said: string[] = [];
    world.runtime.open(() => said.push('ready'));
    world.system.files.put(paths.containerdSocket, '', 'socket');
    world.system.advance(50);
    const start = (): void =>
      world.runtime.start(readBundle(world.system, 'services', 'a'), {
        started: (pid) => said.push(`started ${pid}`),
        ended: (status) => said.push(`ended ${status}`),
      });
    return { ...world, said, start };
  };

  test('tells the start with the pid, and the end with the status, once each and in this order', () => {
    const world = opened();
    world.start();
    world.come(41);
    world.go(7);
    expect(world.said).toEqual(['ready', 'started 41', 'ended 7']);
  });

  test('tells an end without a start when there never was a process', () => {
    const world = opened();
    world.start();
    world.fail();
    expect(world.said).toHaveLength(2);
    expect(world.said[1]).toMatch(/^ended [1-9]/);
  });

  test('starts the same service again after its end, on the file system that it had', () => {
    const world = opened();
    world.start();
    world.come(41);
    world.go(0);
    const mountsBefore = world.system.commands.filter((command) => command.includes(' mount ')).length;
    world.start();
    world.come(42);
    expect(world.said.slice(1)).toEqual(['started 41', 'ended 0', 'started 42']);
    expect(world.system.commands.filter((command) => command.includes(' mount '))).toHaveLength(mountsBefore);
  });

  test('asks a health command inside the container, by its status', () => {
    const world = opened();
    const bundle = readBundle(world.system, 'services', 'a');
    const check = { command: ['ping', '-c1'], intervalMs: 1, timeoutMs: 1000, retries: 1, startPeriodMs: 0 };
    const answers: boolean[] = [];
    for (const status of [0, 1]) {
      world.runtime.check(bundle, check, (healthy) => answers.push(healthy));
      world.system.end(world.system.processes.pidOf('ping -c1'), { kind: 'exited', status });
    }
    expect(answers).toEqual([true, false]);
  });

  test('gives a health command up that does not even start, so that the next can be asked', () => {
    const world = opened();
    const bundle = readBundle(world.system, 'services', 'a');
    const check = { command: ['ping', '-c1'], intervalMs: 1, timeoutMs: 1000, retries: 1, startPeriodMs: 0 };
    world.runtime.check(bundle, check, () => {});
    const client = world.system.processes.pidOf('ping -c1');
    world.system.advance(2000);
    expect(world.system.processes.signals).toContain(`KILL ${client}`);
  });
});

describe('ContainerdRuntime with a containerd that an earlier supervisor has left', () => {
  function adopting(): { system: MemorySystem; runtime: ContainerdRuntime; left: number } {
    const system = machine();
    system.files.put(paths.containerdSocket, '', 'socket');
    const { pid: left } = system.processes.start([paths.containerd], {}, () => {});
    system.files.put(`${paths.processes}/.containerd`, `${left}\n`);
    const runtime = new ContainerdRuntime(system);
    runtime.open(() => {});
    return { system, runtime, left };
  }

  test('closes when that one has ended', () => {
    const { system, runtime, left } = adopting();
    const closed: string[] = [];
    runtime.close(() => closed.push('closed'));
    expect(system.processes.signals).toEqual([`TERM ${left}`]);
    system.advance(3000);
    expect(closed).toEqual([]);
    system.end(left, { kind: 'killed', signal: 15 });
    system.advance(3000);
    expect(closed).toEqual(['closed']);
  });

  test('starts another when that one ends', () => {
    const { system, left } = adopting();
    const starts = () => system.commands.filter((command) => command === paths.containerd).length;
    expect(starts()).toBe(1);
    system.end(left, { kind: 'killed', signal: 9 });
    system.advance(4000);
    expect(starts()).toBe(2);
  });
});
