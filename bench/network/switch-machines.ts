import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@orlop/testkit';
import type { BenchOptions } from './bench.ts';
import { BOOT_SECONDS, GUEST_IPERF_PORT, GUEST_SHELL_PORT, inGuestAt, startMachine } from './machine.ts';
import { exchanges } from './measure.ts';
import { orlopNetUp } from './orlop-network.ts';
import { printColumns } from './print-columns.ts';
import { run, start, stop, until } from './tools.ts';

const RR_PORT = 7001;
const GUESTS = [
  { name: 'a', mac: '52:54:00:00:00:0a', address: '192.168.127.2' },
  { name: 'b', mac: '52:54:00:00:00:0b', address: '192.168.127.3' },
] as const;

interface MachinesBench extends BenchOptions {
  readonly seconds: number;
  readonly mtu: number;
  readonly image: string;
}

/** Two emulated QEMU machines on one switch, each other's only traffic. */
export async function betweenMachines({
  repository,
  folder,
  seconds,
  mtu,
  image,
}: MachinesBench): Promise<void> {
  const path = join(folder, `switch-${mtu}.sock`);
  const config = join(folder, `switch-${mtu}.json`);
  const shells = [await freePort(), await freePort()] as const;
  const leases = GUESTS.map(({ mac, address }) => ({ mac, address }));
  const forwards = GUESTS.map(({ address }, i) => `127.0.0.1:${shells[i]}:${address}:${GUEST_SHELL_PORT}`);
  writeFileSync(config, JSON.stringify({ mtu, leases, forwards }));
  const children: ChildProcess[] = [
    start(
      join(folder, 'switch.log'),
      ...orlopNetUp(repository, join(folder, `home-machines-${mtu}`)),
      ...['switch', '--listen', path, '--config', config],
    ),
  ];
  const pid = children[0]?.pid ?? 0;
  try {
    await until('the network', () => {
      if (!existsSync(path)) throw new Error(`it does not listen on ${path}`);
    });
    for (const { name, mac } of GUESTS) {
      const own = join(folder, `machine-${name}-${mtu}`);
      mkdirSync(own, { recursive: true });
      const netdev = `stream,id=net0,server=off,addr.type=unix,addr.path=${path}`;
      children.push(startMachine({ folder: own, image, netdev, mac, mtu }));
    }
    const serve = `python3 /usr/bin/rr.py serve ${GUESTS[1].address} ${RR_PORT} </dev/null >/dev/null 2>&1 &`;
    const [program, ...words] = inGuestAt(repository, shells[1]);
    await until('machine b', () => run(program, ...words, 'sh', '-c', serve), BOOT_SECONDS);
    const place = {
      ...{
        inGuest: [...inGuestAt(repository, shells[0])],
        rrScript: '/usr/bin/rr.py',
        hostAddress: GUESTS[1].address,
        seconds,
      },
      ...{ servers: { iperfPort: GUEST_IPERF_PORT, rrPort: RR_PORT }, forwardPort: 0 },
    };
    await until('machine a', () => exchanges('tcp', { ...place, seconds: 0.2 }), BOOT_SECONDS);
    printColumns(`MTU ${mtu}: from one QEMU machine to another`, place, pid);
  } finally {
    for (const child of children.reverse()) await stop(child);
  }
}
