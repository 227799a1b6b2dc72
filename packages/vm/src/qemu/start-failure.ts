import type { OrlopError } from '@orlop/core';
import { vmError } from '../errors.ts';
import type { MachineFolder } from '../machine-folder.ts';
import { readDriverLog } from './driver-log.ts';

/** Why QEMU did not start: what it said, in the words of an error of ours where that is known. */
export async function explainFailure(folder: MachineFolder, failure: Error): Promise<OrlopError> {
  const words = await readDriverLog(folder);
  const forward = /Could not set up host forwarding rule '([^']*)'/.exec(words);
  if (forward !== null) {
    return vmError('vm.port-busy', `the port of "${forward[1]}" is taken on this host`, {
      hint: 'publish another one, or end the program that has it (`ss -ltnp` names it)',
    });
  }
  if (/Display '\w+' is not available/.test(words)) {
    return vmError('vm.tool-missing', 'this QEMU cannot show a window', {
      hint: 'on Debian: apt-get install qemu-system-gui; or show it by VNC: --display vnc=127.0.0.1:1',
    });
  }
  const hint = diskHint(words) ?? networkHint(words);
  return vmError('vm.start-failed', `QEMU did not start: ${words === '' ? failure.message : words}`, {
    ...(hint !== undefined && { hint }),
  });
}

/** QEMU locks its disks (QEMU manual, "Disk image file locking"). */
function diskHint(words: string): string | undefined {
  if (!/Failed to get "\w+" lock/.test(words)) return undefined;
  return 'another machine has this disk (`orlop ps` lists them), or it is named twice';
}

/** What a user can do about a TAP device or a bridge that QEMU was refused (QEMU's qemu-bridge-helper; tun.rst). */
function networkHint(words: string): string | undefined {
  const bridge = /br=([^\s,]+): bridge helper failed/.exec(words)?.[1];
  if (bridge !== undefined && /acl file/.test(words)) {
    return `QEMU joins the bridges that /etc/qemu/bridge.conf names: a line "allow ${bridge}", written by root`;
  }
  if (bridge !== undefined && /No such device/.test(words)) {
    return `there is no bridge "${bridge}"; as root: ip link add ${bridge} type bridge`;
  }
  if (bridge !== undefined) {
    return 'only root may join a bridge, unless qemu-bridge-helper is setuid: chmod u+s /usr/lib/qemu/qemu-bridge-helper';
  }
  if (/could not (?:open|configure) \/dev\/net\/tun/.test(words)) {
    return 'only root and the owner of a TAP device may use it; as root: ip tuntap add NAME mode tap user USER';
  }
  return undefined;
}

/** The same of a start from a saved state that QEMU could not read. */
export async function explainDamage(folder: MachineFolder, failure: Error): Promise<OrlopError> {
  const words = await readDriverLog(folder);
  return vmError(
    'vm.save-damaged',
    `the saved state cannot be used: ${words === '' ? failure.message : words}`,
  );
}
