import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';

/** The files of one network; sockets among them, so the names are short. */
export interface NetworkPaths {
  readonly folder: string;
  /** QEMU's stream netdevs plug in here. */
  readonly qemu: string;
  readonly control: string;
  readonly leases: string;
  /** Forwards, zones and machines that were added while it ran. */
  readonly state: string;
  readonly log: string;
  /** Where a machine listens for the network to plug in. */
  cable(machine: string): string;
}

/** @throws OrlopError `net.bad-name` */
export function networkPaths(context: CommandContext, name: string): NetworkPaths {
  if (!/^[a-z0-9][a-z0-9_.-]{0,62}$/i.test(name)) {
    throw cliError('net.bad-name', `"${name}" is no name of a network: letters, digits, - _ .`);
  }
  const folder = join(context.paths.networks, name);
  return {
    folder,
    qemu: join(folder, 'qemu.sock'),
    control: join(folder, 'control.sock'),
    leases: join(folder, 'leases.json'),
    state: join(folder, 'state.json'),
    log: join(folder, 'log'),
    cable: (machine) =>
      join(folder, `${createHash('sha256').update(machine).digest('hex').slice(0, 8)}.cable`),
  };
}
