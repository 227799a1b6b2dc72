import { describe, expect, test } from 'vitest';
import { parseServiceOptions } from './options.ts';
import { describeState } from './service-state.ts';
import { Supervisor } from './supervisor.ts';
import type { SupervisorAction, SupervisorEvent } from './supervisor-messages.ts';

/** A supervisor whose actions are kept as words: `start redis`, `TERM redis 7`, `failed redis 1`. */
class Scene {
  readonly supervisor: Supervisor;
  #said: string[] = [];

  constructor(services: Readonly<Record<string, object>>, boot: 'start-all' | 'start-none' = 'start-all') {
    this.supervisor = new Supervisor(
      Object.entries(services).map(([name, options]) => ({
        name,
        options: parseServiceOptions(JSON.stringify(options)),
      })),
      boot,
    );
  }

  at(now: number, event?: SupervisorEvent): readonly string[] {
    this.#said = [];
    const emit = (action: SupervisorAction): void => {
      const word = inWords(action);
      if (word !== undefined) this.#said.push(word);
    };
    if (event === undefined) this.supervisor.poll(now, emit);
    else this.supervisor.receive(event, now, emit);
    return this.#said;
  }

  state(name: string): string {
    const found = this.supervisor.snapshot().find((service) => service.name === name);
    return found === undefined ? 'no such service' : describeState(found.state);
  }
}

function inWords(action: SupervisorAction): string | undefined {
  switch (action.kind) {
    case 'start':
    case 'check':
    case 'poweroff':
      return `${action.kind} ${action.name}`;
    case 'signal':
      return `${action.signal} ${action.name} ${action.pid}`;
    case 'report-failure':
      return `failed ${action.name} ${action.exitStatus}`;
    case 'all-stopped':
      return 'all stopped';
    case 'show-log':
      return `log of ${action.name}`;
    case 'report':
      return undefined;
  }
}

const started = (name: string, pid = 7): SupervisorEvent => ({ kind: 'started', name, pid });
const ended = (name: string, exitStatus: number): SupervisorEvent => ({ kind: 'ended', name, exitStatus });
const checked = (name: string, healthy: boolean): SupervisorEvent => ({ kind: 'checked', name, healthy });

describe('Supervisor', () => {
  test('starts services without dependencies at once, in the order of their names', () => {
    const scene = new Scene({ a: {}, b: {} });
    expect(scene.at(0)).toEqual(['start a', 'start b']);
  });

  test('leaves an ended service alone when there is no restart policy, as LinuxKit does', () => {
    const scene = new Scene({ a: {}, b: {} });
    scene.at(0);
    scene.at(1, started('a'));
    scene.at(1, started('b'));
    expect(scene.at(2, ended('a', 0))).toEqual([]);
    expect(scene.at(3, ended('b', 3))).toEqual(['failed b 3']);
    expect([scene.state('a'), scene.state('b')]).toEqual(['completed', 'failed with exit status 3']);
    expect(scene.supervisor.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  test('restarts with delays that double up to the longest, shows the log once, and gives up after maxRetries', () => {
    const scene = new Scene({
      a: { restart: { policy: 'on-failure', maxRetries: 4, delayMs: 100, maxDelayMs: 300 } },
    });
    scene.at(0);
    let now = 0;
    for (const delay of [100, 200, 300, 300]) {
      scene.at(now, started('a'));
      expect(scene.at(now, ended('a', 1))).toEqual(now === 0 ? ['log of a'] : []);
      expect(scene.supervisor.pollAt()).toBe(now + delay);
      expect(scene.at(now + delay - 1)).toEqual([]);
      now += delay;
      expect(scene.at(now)).toEqual(['start a']);
    }
    scene.at(now, started('a'));
    expect(scene.at(now, ended('a', 1))).toEqual(['failed a 1']);
  });

  test('begins with the first delay again after a steady run', () => {
    const scene = new Scene({ a: { restart: { policy: 'always', delayMs: 100 } } });
    scene.at(0);
    scene.at(0, started('a'));
    scene.at(50, ended('a', 1));
    scene.at(150);
    scene.at(150, started('a'));
    scene.at(20_150, ended('a', 1));
    expect(scene.supervisor.pollAt()).toBe(20_250);
  });

  test('restarts on exit status 0 only under the policy "always"', () => {
    const scene = new Scene({
      a: { restart: { policy: 'on-failure', delayMs: 10 } },
      b: { restart: { policy: 'always', delayMs: 10 } },
    });
    scene.at(0);
    scene.at(1, ended('a', 0));
    scene.at(1, ended('b', 0));
    expect(scene.at(11)).toEqual(['start b']);
    expect(scene.state('a')).toBe('completed');
  });

  test.each([
    ['started', [started('db')]],
    ['healthy', [started('db'), checked('db', true)]],
    ['completed', [started('db'), ended('db', 0)]],
  ] as const)('holds a service back until its dependency is %s', (condition, events) => {
    const scene = new Scene({
      db: { health: { command: ['ping'] } },
      web: { dependsOn: [{ name: 'db', condition }] },
    });
    expect(scene.at(0)).toEqual(['start db']);
    expect(scene.state('web')).toBe(`waiting for db to be ${condition}`);
    const said = events.map((event, index) => scene.at(index + 1, event));
    expect(said.slice(0, -1).flat()).not.toContain('start web');
    expect(said.at(-1)).toContain('start web');
  });

  test('takes a dependency without a health check as healthy once it runs', () => {
    const scene = new Scene({ db: {}, web: { dependsOn: [{ name: 'db', condition: 'healthy' }] } });
    scene.at(0);
    expect(scene.at(1, started('db'))).toEqual(['start web']);
  });

  test('blocks what depends on a service that has failed for good, and what depends on that', () => {
    const scene = new Scene({
      a: {},
      b: { dependsOn: [{ name: 'a', condition: 'completed' }] },
      c: { dependsOn: [{ name: 'b' }] },
    });
    scene.at(0);
    scene.at(1, ended('a', 2));
    expect(scene.state('b')).toBe('blocked: a has failed with exit status 2');
    expect(scene.state('c')).toBe('blocked: b cannot start');
  });

  test('keeps waiting while a dependency restarts', () => {
    const scene = new Scene({
      a: { restart: { policy: 'always', delayMs: 10 } },
      b: { dependsOn: [{ name: 'a' }] },
    });
    scene.at(0);
    scene.at(1, ended('a', 1));
    expect(scene.state('b')).toBe('waiting for a to be started');
    scene.at(11);
    expect(scene.at(12, started('a'))).toEqual(['start b']);
  });

  test('blocks rings and dependencies that are not there, and starts the rest', () => {
    const scene = new Scene({
      a: { dependsOn: [{ name: 'b' }] },
      b: { dependsOn: [{ name: 'a' }] },
      c: { dependsOn: [{ name: 'nobody' }] },
      d: {},
    });
    expect(scene.at(0)).toEqual(['start d']);
    expect(scene.state('a')).toBe('blocked: depends on itself in the end');
    expect(scene.state('c')).toBe('blocked: depends on nobody, which is not in this image');
  });

  test('checks health at the interval, and restarts after the allowed failures in a row', () => {
    const scene = new Scene({
      a: {
        restart: { policy: 'on-failure', delayMs: 10 },
        health: { command: ['ping'], intervalMs: 100, retries: 2 },
      },
    });
    scene.at(0);
    scene.at(0, started('a'));
    expect(scene.at(100)).toEqual(['check a']);
    scene.at(110, checked('a', true));
    expect(scene.state('a')).toBe('running (healthy)');
    expect(scene.at(210)).toEqual(['check a']);
    expect(scene.at(220, checked('a', false))).toEqual([]);
    expect(scene.at(320)).toEqual(['check a']);
    expect(scene.at(330, checked('a', false))).toEqual(['TERM a 7']);
    // It ends well, being asked to; that it was ill counts as the failure.
    scene.at(340, ended('a', 0));
    expect(scene.at(350)).toEqual(['start a']);
  });

  test('only tells of an unhealthy service that may not restart', () => {
    const scene = new Scene({ a: { health: { command: ['ping'], intervalMs: 100, retries: 1 } } });
    scene.at(0);
    scene.at(0, started('a'));
    scene.at(100);
    expect(scene.at(110, checked('a', false))).toEqual([]);
    expect(scene.state('a')).toBe('running (unhealthy)');
  });

  test('does not count failed checks within the start period', () => {
    const scene = new Scene({
      a: { health: { command: ['ping'], intervalMs: 100, retries: 1, startPeriodMs: 1000 } },
    });
    scene.at(0);
    scene.at(0, started('a'));
    scene.at(500, checked('a', false));
    expect(scene.state('a')).toBe('running (starting)');
    scene.at(1000, checked('a', false));
    expect(scene.state('a')).toBe('running (unhealthy)');
  });

  test('stops with TERM, and with KILL when the time is over', () => {
    const scene = new Scene({ a: { restart: { policy: 'always' } } });
    scene.at(0);
    scene.at(0, started('a'));
    expect(scene.at(5, { kind: 'stop', name: 'a' })).toEqual(['TERM a 7']);
    expect(scene.supervisor.pollAt()).toBe(10_005);
    expect(scene.at(10_005)).toEqual(['KILL a 7']);
    scene.at(10_010, ended('a', 137));
    expect(scene.state('a')).toBe('stopped');
  });

  test('stops a service that is only being started as soon as it has a process', () => {
    const scene = new Scene({ a: {} });
    scene.at(0);
    expect(scene.at(1, { kind: 'stop', name: 'a' })).toEqual([]);
    expect(scene.at(2, started('a', 9))).toEqual(['TERM a 9']);
  });

  test('starts again after a requested restart, and never twice at once', () => {
    const scene = new Scene({ a: {} });
    scene.at(0);
    expect(scene.at(1, { kind: 'start', name: 'a' })).toEqual([]);
    scene.at(2, started('a'));
    expect(scene.at(3, { kind: 'restart', name: 'a' })).toEqual(['TERM a 7']);
    expect(scene.at(4, { kind: 'start', name: 'a' })).toEqual([]);
    expect(scene.at(5, ended('a', 0))).toEqual(['start a']);
  });

  test('powers off when a service asks for it by its failure', () => {
    const scene = new Scene({ a: { onFailure: 'poweroff' } });
    scene.at(0);
    expect(scene.at(1, ended('a', 1))).toEqual(['failed a 1', 'poweroff a']);
  });

  test('starts nothing further after a failure with onFailure "stop"', () => {
    const scene = new Scene({
      a: { onFailure: 'stop' },
      b: {},
      c: { dependsOn: [{ name: 'b', condition: 'completed' }] },
    });
    scene.at(0);
    scene.at(1, started('b'));
    scene.at(2, ended('a', 1));
    expect(scene.at(3, ended('b', 0))).toEqual([]);
    expect(scene.state('c')).toBe('blocked: the boot was stopped');
  });

  test('starts services on request only after a stopped boot', () => {
    const scene = new Scene({ a: {}, b: {} }, 'start-none');
    expect(scene.at(0)).toEqual([]);
    expect(scene.at(1, { kind: 'start', name: 'b' })).toEqual(['start b']);
    expect(scene.state('a')).toBe('blocked: the boot was stopped');
  });

  test('stops all services with those that depend on others first', () => {
    const scene = new Scene({ db: {}, web: { dependsOn: [{ name: 'db' }] }, log: {} });
    scene.at(0);
    scene.at(1, started('db', 1));
    scene.at(1, started('web', 2));
    scene.at(1, started('log', 3));
    expect(scene.at(2, { kind: 'stop-all' })).toEqual(['TERM log 3', 'TERM web 2']);
    expect(scene.at(3, ended('web', 0))).toEqual(['TERM db 1']);
    expect(scene.at(4, ended('db', 0))).toEqual([]);
    expect(scene.at(5, ended('log', 0))).toEqual(['all stopped']);
  });

  test('stops all at once when nothing runs, and starts nothing from then on', () => {
    const scene = new Scene({ a: { restart: { policy: 'always', delayMs: 100 } } });
    scene.at(0);
    scene.at(1, ended('a', 1));
    expect(scene.at(2, { kind: 'stop-all' })).toEqual(['all stopped']);
    expect(scene.at(500)).toEqual([]);
  });

  test('does not mind events of services that it does not know', () => {
    const scene = new Scene({ a: {} });
    scene.at(0);
    expect(scene.at(1, ended('nobody', 1))).toEqual([]);
    expect(scene.at(1, { kind: 'start', name: 'nobody' })).toEqual([]);
    expect(scene.state('a')).toBe('starting');
  });
});
