import { directoryName, paths } from '../paths.ts';
import { type System, succeeded } from '../system/system.ts';

/** The clock: the kernel takes it from the first clock chip itself, unless that came only with a module. */
export function setClock(system: System): boolean {
  const taken = system.files
    .list('/sys/class/rtc')
    .some((clock) => system.files.read(`/sys/class/rtc/${clock}/hctosys`)?.trim() === '1');
  if (taken || system.files.list('/sys/class/rtc').length === 0) return taken;
  return succeeded(system.processes.run([paths.hwclock, '--hctosys', '--utc'], { stderr: 'null' }));
}

export function raiseLoopback(system: System): boolean {
  return succeeded(system.processes.run([paths.ip, 'link', 'set', 'lo', 'up']));
}

/** The name in /etc/hostname; else, if the kernel has none yet, one made from the first network card's address. */
export function setHostname(system: System): string {
  const configured = system.files.read(paths.hostname)?.trim() ?? '';
  const current = system.files.read('/proc/sys/kernel/hostname')?.trim() ?? '(none)';
  const name =
    configured !== '' ? configured : current === '(none)' || current === '' ? derivedName(system) : current;
  if (name !== current) system.files.writeInPlace('/proc/sys/kernel/hostname', name);
  return name;
}

function derivedName(system: System): string {
  for (const card of system.files.list('/sys/class/net')) {
    const address = system.files.read(`/sys/class/net/${card}/address`)?.trim().replace(/:/g, '') ?? '';
    if (card !== 'lo' && /^[0-9a-f]{12}$/.test(address)) return `orlop-${address}`;
  }
  return 'orlop';
}

/** DHCP writes name servers where /etc/resolv.conf points; until then an empty file stands there. */
export function prepareResolvConf(system: System): void {
  const target = system.files.readLink(paths.resolvConf);
  if (target === undefined || !target.startsWith('/')) return;
  system.files.makeFolder(directoryName(target));
  if (system.files.status(target) === undefined) system.files.write(target, '');
}
