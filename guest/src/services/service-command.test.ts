import { describe, expect, test } from 'vitest';
import { asRecord } from '../container/bundle.ts';
import { paths } from '../paths.ts';
import { MemorySystem } from '../system/memory-system.ts';
import { runServiceCommand } from './service-command.ts';
import type { ServiceState } from './service-state.ts';
import { printServiceStatus } from './status-file.ts';

const running = (pid: number): ServiceState => ({
  kind: 'running',
  sinceMs: 0,
  pid,
  health: { kind: 'unchecked' },
});

/** A machine with a service `a`; `answer` is what a supervisor does to it when asked. */
function machine(state: ServiceState, answer?: (action: string) => ServiceState): MemorySystem {
  const system = new MemorySystem();
  const publish = (next: ServiceState, lastRequest: string): void => {
    const services = [{ name: 'a', state: next, restarts: 2 }];
    system.files.put(paths.serviceStatus, printServiceStatus({ runtime: 'runc', lastRequest, services }));
  };
  publish(state, '');
  system.files.put(paths.requests, '', 'fifo');
  if (answer !== undefined) {
    const { pid } = system.processes.start(['/usr/bin/service', 'supervise'], {}, () => {});
    system.files.put(paths.supervisorProcess, `${pid}\n`);
    system.files.watch(paths.requests, (bytes) => {
      const request = asRecord(JSON.parse(String.fromCharCode(...bytes)));
      // As in life, the answer takes a moment.
      system.time.after(200, () => publish(answer(String(request['action'])), String(request['id'])));
    });
  }
  return system;
}

describe('runServiceCommand', () => {
  test('lists services, and what has become of the boot', () => {
    const system = machine(running(7));
    system.files.put(
      paths.bootRecord,
      JSON.stringify([{ name: 'onboot 000-x', startedMs: 1000, endedMs: 2500, status: 3 }]),
    );
    const { output } = runServiceCommand(system, ['list']);
    expect(output).toBe(
      'NAME  PID  RESTARTS  STATE\na     7    2         running\n\nonboot 000-x: FAILED with exit status 3 in 1.50 s\n',
    );
    expect(JSON.parse(runServiceCommand(system, ['list', '--json']).output)).toMatchObject({
      boot: [{ name: 'onboot 000-x', status: 3 }],
      services: [{ name: 'a', state: 'running', pid: 7, restarts: 2 }],
    });
  });

  test('tells by its exit status whether a service runs', () => {
    expect(runServiceCommand(machine(running(7)), ['status', 'a']).status).toBe(0);
    const failed = runServiceCommand(machine({ kind: 'failed', exitStatus: 9 }), ['status', 'a']);
    expect([failed.status, failed.output]).toEqual([3, 'a: failed with exit status 9\n']);
  });

  test('waits until a service has stopped', () => {
    const system = machine(running(7), () => ({ kind: 'stopped' }));
    expect(runServiceCommand(system, ['stop', 'a'])).toEqual({
      status: 0,
      output: 'a: stopped\n',
      error: '',
    });
    expect(system.time.uptimeMs()).toBeGreaterThanOrEqual(200);
  });

  test('takes a restart as done only when there is another process', () => {
    const same = runServiceCommand(
      machine(running(7), () => running(7)),
      ['restart', 'a'],
    );
    expect([same.status, same.error]).toEqual([1, 'service: a has not done as asked within 60 s\n']);
    expect(
      runServiceCommand(
        machine(running(7), () => running(8)),
        ['restart', 'a'],
      ).status,
    ).toBe(0);
  });

  test('fails when the service fails to start', () => {
    const system = machine({ kind: 'stopped' }, () => ({ kind: 'failed', exitStatus: 1 }));
    expect(runServiceCommand(system, ['start', 'a'])).toEqual({
      status: 1,
      output: '',
      error: 'service: a: failed with exit status 1\n',
    });
  });

  test('says so when nobody supervises, when there is no such service, and when the words make no sense', () => {
    const error = (...words: readonly string[]): string =>
      runServiceCommand(machine(running(7)), words).error;
    expect(error('stop', 'a')).toBe('service: the supervisor of the services is not running\n');
    expect(error('stop', 'b')).toBe('service: there is no service "b" in this image; there is: a\n');
    expect(error('stop')).toMatch(/needs a service's name/);
    expect(error('dance', 'a')).toMatch(/there is no command "dance"/);
    expect(runServiceCommand(new MemorySystem(), ['status', 'a']).error).toMatch(/not started yet/);
  });

  test('shows the last lines of both logs', () => {
    const system = machine(running(7));
    system.files.put('/var/log/a.log', 'one\ntwo\nthree\n');
    expect(runServiceCommand(system, ['logs', 'a', '--lines', '2']).output).toBe(
      '==> /var/log/a.log <==\ntwo\nthree\n',
    );
  });
});
