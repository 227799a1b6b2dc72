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
  return vmError('vm.start-failed', `QEMU did not start: ${words === '' ? failure.message : words}`);
}

/** The same of a start from a saved state that QEMU could not read. */
export async function explainDamage(folder: MachineFolder, failure: Error): Promise<OrlopError> {
  const words = await readDriverLog(folder);
  return vmError(
    'vm.save-damaged',
    `the saved state cannot be used: ${words === '' ? failure.message : words}`,
  );
}
