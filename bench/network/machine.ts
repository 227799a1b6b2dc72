import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { run, start } from './tools.ts';

/** As Orlop's driver has it: Linux tests its timer by how fast ticks come, and a busy host's come too slowly. */
const EMULATED = 'no_timer_check cryptomgr.notests';
/** Emulated: 9 s on an idle machine, 110 s were seen on one with a load of 20. */
export const BOOT_SECONDS = 300;
/** Where the guest gives a shell to who connects, and where its iperf3 listens. */
export const GUEST_SHELL_PORT = 7000;
export const GUEST_IPERF_PORT = 5201;

/** Builds the guest's image in the folder; returns what its kernel and initial RAM disk are called. */
export function buildGuest(repository: string, folder: string): string {
  const description = join(repository, 'bench/network/guest/guest.yml');
  const build = ['build', '--pkg', join(repository, 'pkg'), '--pkg', join(repository, 'bench/network')];
  run(join(repository, 'orlop'), ...build, '-f', 'kernel+initrd', '--dir', folder, description);
  return join(folder, 'guest');
}

export interface MachineOptions {
  readonly folder: string;
  readonly image: string;
  /** QEMU's `-netdev`, its id being net0. */
  readonly netdev: string;
  readonly mac: string;
  readonly mtu: number;
}

export function startMachine({ folder, image, netdev, mac, mtu }: MachineOptions): ChildProcess {
  return start(
    join(folder, 'qemu.log'),
    'qemu-system-x86_64',
    ...['-machine', 'q35,accel=tcg', '-cpu', 'max,-erms,-fsrm', '-m', '384'],
    ...['-kernel', `${image}-kernel`, '-initrd', `${image}-initrd.img`],
    ...['-append', `console=ttyS0 quiet ${EMULATED}`, '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${join(folder, 'console')}`, '-netdev', netdev],
    ...['-device', `virtio-net-pci,netdev=net0,mac=${mac}${mtu === 1500 ? '' : `,host_mtu=${mtu}`}`],
  );
}

/** The words before a command that is to run in the guest behind a forwarded port. */
export function inGuestAt(repository: string, shellPort: number): readonly [string, ...string[]] {
  return ['python3', join(repository, 'bench/network/in-guest.py'), String(shellPort)];
}
