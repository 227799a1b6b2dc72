import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchText } from '../harness/fetch-text.ts';
import { freePort } from '../harness/free-port.ts';
import { Workshop } from '../harness/orlop.ts';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}.yml`, import.meta.url));

describe('the examples, booted as they stand', () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open();
  });
  afterAll(() => workshop?.close());

  test('minimal gets an address, offers a login on its console, and goes down when asked', async () => {
    // With the greeting that scripts for LinuxKit wait for: it is the image's, and the getty shows it.
    const files = [example('minimal'), example('linuxkit/issue')];
    const machine = workshop.boot(await workshop.buildFiles('minimal', files));
    try {
      await machine.waitFor(/service getty started/);
      expect(machine.console).toMatch(/leased 10\.0\.2\.15/);
      expect(machine.console).not.toMatch(/Welcome to LinuxKit.*service getty started/s);
      await machine.waitFor(/^Welcome to LinuxKit$/m);
      await machine.waitFor(/root:~#/);
      await machine.powerDown();
      expect(await machine.exited).toBe(0);
    } finally {
      await machine.endNow();
    }
  });

  test('getty asks for the password of the image, and lets in who knows it', async () => {
    const machine = workshop.boot(await workshop.buildFiles('getty', [example('getty')]));
    try {
      await machine.waitFor(/login: /);
      machine.type('root\n');
      await machine.waitFor(/Password: /);
      machine.type('orlop\n');
      await machine.waitFor(/root:~#/);
    } finally {
      await machine.endNow();
    }
  });

  test.each([
    { name: 'nginx', port: 80, path: '/', says: /serves this page from memory/ },
    { name: 'node_exporter', port: 9100, path: '/metrics', says: /node_memory_MemTotal_bytes/ },
  ])('$name answers over HTTP', async ({ name, port, path, says }) => {
    const published = await freePort();
    const machine = workshop.boot(await workshop.buildFiles(name, [example(name)]), {
      publish: [`${published}:${port}`],
    });
    try {
      await machine.waitFor(/service \w+ started/);
      expect(await fetchText(`http://127.0.0.1:${published}${path}`, machine)).toMatch(says);
    } finally {
      await machine.endNow();
    }
  });
});
