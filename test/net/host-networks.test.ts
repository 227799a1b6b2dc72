import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const run = promisify(execFile);

/**
 * A network and a mount namespace of the test's own: a bridge with an address, a TAP device on it, another bridge that
 * QEMU's helper may not join. It ends when its standard input does.
 */
const HOST = `
set -e
ip link set lo up
ip link add orlopbr type bridge
ip address add 10.77.0.1/24 dev orlopbr
ip link set orlopbr up
ip link add closedbr type bridge
ip tuntap add orloptap mode tap
ip link set orloptap master orlopbr
ip link set orloptap up
mount -t tmpfs none /etc/qemu 2>/dev/null || { mount -t tmpfs none /mnt; mkdir /mnt/up /mnt/work; mount -t overlay -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work none /etc; mkdir /etc/qemu; }
echo 'allow orlopbr' >/etc/qemu/bridge.conf
echo ready
read end
`;

/** As the host's administrator has set them up; root alone may. */
describe.runIf(process.getuid?.() === 0)('orlop run on networks of the host', () => {
  const host = spawn('unshare', ['--net', '--mount', 'sh', '-c', HOST], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const within = ['nsenter', '-t', String(host.pid), '--net', '--mount'];
  const machines: GuestMachine[] = [];
  let workshop: Workshop;

  const boot = async (name: string, address: string, networking: string) => {
    const yaml = fileURLToPath(new URL('answers.yml', import.meta.url));
    const image = await workshop.buildFiles(name, ['--set', `ADDRESS=${address}/24`, yaml]);
    const machine = workshop.boot(image, { networking, within });
    machines.push(machine);
    return machine;
  };
  const page = async (address: string) => {
    const ask = `fetch('http://${address}/').then((answer) => answer.text()).then(console.log)`;
    const [command = '', ...words] = [...within, process.execPath, '-e', ask];
    return (await run(command, words)).stdout.trim();
  };

  beforeAll(async () => {
    await once(host.stdout, 'data');
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'busybox']);
    await boot('tap', '10.77.0.2', 'tap,orloptap');
    await boot('bridge', '10.77.0.3', 'bridge,orlopbr');
    await Promise.all(machines.map((machine) => machine.waitFor(/answers-now/)));
  });
  afterAll(async () => {
    await Promise.all(machines.map((machine) => machine.endNow()));
    await workshop?.close();
    host.stdin.end();
    await once(host, 'exit');
  });

  test('--networking tap,DEVICE plugs a machine into a TAP device, where the host reaches it', async () => {
    expect(await page('10.77.0.2')).toBe('this is 10.77.0.2/24');
  });

  test('--networking bridge,BRIDGE plugs a machine into a bridge, where the host reaches it', async () => {
    expect(await page('10.77.0.3')).toBe('this is 10.77.0.3/24');
  });

  test.each([
    { bridge: 'closedbr', says: /access denied by acl file[\s\S]*hint: .*a line "allow closedbr"/ },
    { bridge: 'nobr', says: /hint: .*a line "allow nobr"/ },
  ])('--networking bridge,$bridge says what would let QEMU join it', async ({ bridge, says }) => {
    const machine = workshop.boot(`${workshop.folder}/tap`, {
      name: bridge,
      networking: `bridge,${bridge}`,
      within,
    });
    expect(await machine.exited).toBe(1);
    expect(machine.console).toMatch(says);
  });
});
