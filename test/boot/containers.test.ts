import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

describe.each(['runc', 'crun'])('a machine whose containers run by %s', (runtime) => {
  let workshop: Workshop;
  let machine: GuestMachine;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'init', runtime, 'busybox', '../test/boot/capped']);
    const yaml = await readFile(new URL('containers.yml', import.meta.url), 'utf8');
    const image = await workshop.buildImage('containers', yaml.replace('orlop/runc', `orlop/${runtime}`));
    machine = workshop.boot(image);
    await machine.waitFor(/witness-is-done/);
  });

  afterAll(async () => {
    await machine?.end();
    await workshop?.close();
  });

  const lineWith = (words: string): string =>
    machine.console.split('\n').find((line) => line.includes(words)) ?? '';

  test('says what it is, and does not pretend to be LinuxKit', () => {
    expect(machine.console).toMatch(/orlop: Welcome to Orlop \d+\.\d+\.\d+ \(Linux 6\.12/);
    expect(machine.console).not.toContain('Welcome to LinuxKit');
  });

  test('runs onboot containers one after the other, in the order of the image description', () => {
    expect(lineWith('order first')).toBe('order first second');
    const done = [...machine.console.matchAll(/orlop: onboot (\d{3}-\w+)/g)].map((match) => match[1]);
    expect(done).toEqual(done.toSorted());
  });

  test('shows a failed onboot container with its last lines, and goes on', () => {
    expect(machine.console).toMatch(
      /onboot 002-broken FAILED with exit status 3; its last lines:\n\s+words before the end/,
    );
    expect(machine.console).toMatch(/onboot 003-volumes done/);
  });

  test('keeps what is written to a volume for the next container', () => {
    expect(lineWith('blank-holds')).toBe('blank-holds kept');
    expect(lineWith('seen-again')).toBe('seen-again kept');
  });

  test('mounts a read-only volume so that not even all capabilities write to it', () => {
    expect(machine.console).toContain('sealed-has-its-image');
    expect(machine.console).toContain('sealed-refuses');
    expect(machine.console).toContain('sealed-stays-sealed');
    expect(machine.console).toMatch(/volume sealed is read-only/);
  });

  test('gives the capabilities that were asked for and no others', () => {
    // CAP_CHOWN is bit 0, CAP_NET_BIND_SERVICE bit 10 (capabilities(7)).
    expect(lineWith('capable ')).toMatch(/CapEff: 0000000000000401 CapBnd: 0000000000000401$/);
  });

  test('runs a container as the user and groups that were asked for, on a root that it cannot write', () => {
    expect(lineWith('user 1234')).toBe('user 1234 5678 5678 77');
    expect(machine.console).toContain('root-refuses');
  });

  test('gives a user without any what a program’s own file capabilities permit, from an initrd', () => {
    expect(lineWith('capped CapEff')).toMatch(/CapEff:\s0000000000000400$/);
  });

  test('makes interfaces, namespace files and cgroups as runtime.json says', () => {
    expect(lineWith('wired ')).toContain('inner lo');
    expect(lineWith('outer-is').split(' ')).toContain('outer');
    // busybox's stat has no name for nsfs; had nothing been bound there, it would say tmpfs.
    expect(lineWith('netns-is')).toBe('netns-is UNKNOWN');
    expect(lineWith('cgroup-is')).toBe('cgroup-is /host/sys/fs/cgroup/wired');
  });

  test('has a root that nobody writes, and limits that containers inherit', () => {
    expect(lineWith('root-is')).toMatch(/^root-is ro\b/);
    expect(lineWith('limit-is')).toBe('limit-is 1048576');
  });

  test('starts a dependent service only when its dependency is healthy', () => {
    const at = (pattern: RegExp): number => machine.console.search(pattern);
    expect(at(/service database started/)).toBeGreaterThan(0);
    expect(at(/service database is healthy/)).toBeGreaterThan(at(/service database started/));
    expect(at(/service web started/)).toBeGreaterThan(at(/service database is healthy/));
  });

  test('starts a service after another has completed, and blocks one whose dependency has failed', () => {
    expect(machine.console).toMatch(/service migrated started/);
    expect(machine.console).toMatch(/^orphan .*blocked: doomed has failed with exit status 7$/m);
  });

  test('restarts a failing service until it stands', () => {
    expect(lineWith('tries ')).toBe('tries 3');
    expect(machine.console).toMatch(/^flaky +\d+ +2 +running$/m);
  });

  test('gives up on a service after its last retry, and shows its last lines', () => {
    expect(machine.console).toMatch(
      /service doomed FAILED with exit status 7; its last lines:\n(\s+the last words\n)+/,
    );
  });

  test('stops, starts and restarts services by the guest’s own command', () => {
    expect(machine.console).toMatch(/migrated: stopped\nstop-status 0\nmigrated: stopped\nstatus-status 3/);
    expect(machine.console).toMatch(/migrated: running\nstart-status 0/);
    expect(machine.console).toMatch(/web: running\nrestart-status 0/);
    expect(lineWith('order-now')).toBe('order-now first second web web');
    expect(machine.console).toMatch(/there is no service "nobody" in this image.*\nnobody-status 1/);
  });

  test('has a QuickJsSystem that keeps every promise of System', () => {
    expect(machine.console).not.toContain('compliance BROKEN');
    expect(machine.console).toMatch(/^compliance (\d+) of \1$/m);
    expect(machine.console).toContain('compliance of callbacks kept');
  });

  test('shows what a service has written', () => {
    expect(machine.console).toContain('==> /var/log/doomed.out.log <==');
  });

  test('goes down in order when the power button is pressed', async () => {
    await machine.powerDown();
    expect(await machine.exited).toBe(0);
    const steps = [
      'the power button was pressed',
      'farewell after first',
      'onshutdown 000-farewell done',
      'all services have ended',
      'powering off',
    ];
    const places = steps.map((step) => machine.console.indexOf(step));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});
