import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe('two machines on a network of Orlop’s own', () => {
  let workshop: Workshop;
  let web: GuestMachine;
  let client: GuestMachine;
  let port: number;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'init', 'runc', 'dhcpcd', 'busybox']);
    port = await freePort();
    const images = [
      await workshop.buildFiles('web', [file('../formats/web.yml')]),
      await workshop.buildFiles('client', [file('client.yml')]),
    ] as const;
    web = workshop.boot(images[0], { network: 'segment', publish: [`${port}:80`] });
    await web.waitFor(/service web started/);
    client = workshop.boot(images[1], { network: 'segment' });
    await client.waitFor(/client-is-done/);
  });

  afterAll(async () => {
    await client?.endNow();
    await web?.endNow();
    await workshop?.orlopHere(['net', 'down', 'segment']).catch(() => {});
    await workshop?.close();
  });

  test('get addresses of one segment from its gateway', () => {
    const address = (machine: GuestMachine) => /leased (192\.168\.127\.\d+) for/.exec(machine.console)?.[1];
    expect(address(web)).toBeDefined();
    expect(address(client)).toBeDefined();
    expect(address(client)).not.toBe(address(web));
  });

  test('find and reach each other by name', () => {
    expect(client.console).toMatch(/^page: this machine answers$/m);
  });

  test('find the gateway by name, and see an unused port of it refused', () => {
    expect(client.console).toMatch(/^gateway: 1$/m);
    expect(client.console).toMatch(/^port 1: refused$/m);
  });

  test('are reached from the host by a published port, on loopback alone', async () => {
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('this machine answers\n');
  });

  test('are back on their network, reached and with their addresses, after it was killed with -9', async () => {
    const page = () => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text());
    const status = async () =>
      JSON.parse(await workshop.orlopHere(['net', 'ls', '--json'])) as { name: string; pid: number }[];
    const before = (await status()).find(({ name }) => name === 'segment')?.pid ?? 0;
    const leases = await workshop.orlopHere(['net', 'lease', 'ls', '--network', 'segment']);
    process.kill(before, 'SIGKILL');
    // `orlop run`, which stays with its machine, starts the network again.
    await expect.poll(() => page().catch(String)).toBe('this machine answers\n');
    const after = (await status()).find(({ name }) => name === 'segment')?.pid;
    expect(after).not.toBe(before);
    expect(await workshop.orlopHere(['net', 'lease', 'ls', '--network', 'segment'])).toBe(leases);
  });

  test('have leases that `orlop net` lists', async () => {
    const leases = await workshop.orlopHere(['net', 'lease', 'ls', '--network', 'segment']);
    expect(leases).toMatch(/web/);
    expect(leases).toMatch(/client/);
  });
});
