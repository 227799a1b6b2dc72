import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the seed’s redis-os, with services of our own beside it', () => {
  let workshop: Workshop;
  let machine: GuestMachine;
  let port: number;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents([
      'kernel',
      'init',
      'crun',
      'runc',
      'containerd',
      'dhcpcd',
      'getty',
      'redis',
      'busybox',
    ]);
    const image = await workshop.buildFiles('redis-os', [
      '--substitutions',
      file('examples/substitutions.yml'),
      file('examples/linuxkit/redis-os.yml'),
      file('test/boot/supervised.yml'),
    ]);
    port = await freePort();
    machine = workshop.boot(image, { publish: [`${port}:6379`] });
    await machine.waitFor(/witness-is-done/, 240_000);
  });

  afterAll(async () => {
    await machine?.end();
    await workshop?.close();
  });

  test('answers a Redis client on the host', async () => {
    expect(await askRedis(port, 'PING')).toBe('+PONG');
    expect(await askRedis(port, 'SET deck orlop')).toBe('+OK');
    expect(await askRedis(port, 'GET deck')).toBe('$5\r\norlop');
  });

  test('runs the services as containerd’s containers, where LinuxKit has them', () => {
    expect(machine.console).toMatch(/starting 6 services under containerd/);
    expect(machine.console).toMatch(/^containers database flaky getty redis witness$/m);
  });

  test('keeps standard output and standard error of a service apart', () => {
    expect(machine.console).toContain('out-log out 1 out 2, error-log error error');
  });

  test('waits for health, restarts what fails, and shows what fails for good', () => {
    const at = (pattern: RegExp): number => machine.console.search(pattern);
    expect(at(/service database is healthy/)).toBeGreaterThan(0);
    expect(at(/service flaky started/)).toBeGreaterThan(at(/service database is healthy/));
    expect(machine.console).toMatch(/^flaky +\d+ +1 +running$/m);
    expect(machine.console).toMatch(
      /service doomed FAILED with exit status 7; its last lines:\n\s+the last words/,
    );
  });

  test('restarts a service on request', () => {
    expect(machine.console).toMatch(/flaky: running\nrestart-status 0/);
  });

  test('notices the end of a container that somebody else has killed', () => {
    expect(machine.console).toMatch(/service database FAILED with exit status 137/);
  });

  test('powers off when the button is pressed, with every service ended', async () => {
    await machine.powerDown();
    expect(await machine.exited).toBe(0);
    expect(machine.console).toMatch(/all services have ended[\s\S]*powering off/);
  });
});

describe('a container of onboot whose failure is to end the machine', () => {
  test('powers the machine off by itself, and says why', async () => {
    const workshop = await Workshop.open();
    try {
      const image = await workshop.buildImage(
        'fatal',
        `kernel: {image: orlop/kernel, cmdline: "console=ttyS0 quiet"}
init: [orlop/init, orlop/runc]
onboot:
  - {name: fatal, image: orlop/busybox, onFailure: poweroff, command: [sh, -c, "echo no disk >&2; exit 4"]}
  - {name: later, image: orlop/busybox, command: ["true"]}
services:
  - {name: never, image: orlop/busybox, command: ["true"]}
`,
      );
      const machine = workshop.boot(image);
      expect(await machine.exited).toBe(0);
      expect(machine.console).toMatch(
        /onboot 000-fatal FAILED with exit status 4; its last lines:\n\s+no disk/,
      );
      expect(machine.console).toMatch(/its onFailure is "poweroff"[\s\S]*powering off/);
      expect(machine.console).not.toContain('later');
      expect(machine.console).not.toContain('service never');
    } finally {
      await workshop.close();
    }
  });
});

/** Sends one inline command, and takes the answer without its last line end. */
async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  for await (const piece of socket
    .setEncoding('utf8')
    .on('connect', () => socket.write(`${command}\r\nQUIT\r\n`))) {
    answer += piece;
  }
  return answer.replace(/\r\n\+OK\r\n$/, '');
}
