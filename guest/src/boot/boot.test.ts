import { describe, expect, test } from 'vitest';
import { paths } from '../paths.ts';
import { MemorySystem } from '../system/memory-system.ts';
import { boot } from './boot.ts';

const release = '6.12.1-test';

/** A machine just after its kernel: /proc holds something only once it is mounted. */
function bareMachine(): MemorySystem {
  const system = new MemorySystem((command, _options, machine) => {
    if (command.join(' ').endsWith('proc /proc')) {
      machine.files.put('/proc/self/stat', '2 (qjs)');
      machine.files.put(paths.commandLine, 'console=ttyS0\n');
      machine.files.put('/proc/sys/kernel/osrelease', `${release}\n`);
      machine.files.put('/proc/sys/kernel/hostname', '(none)\n');
      machine.files.put('/proc/filesystems', 'nodev\tsysfs\nnodev\ttmpfs\nnodev\tbpf\n');
    }
    return { status: 0 };
  });
  system.files.put('/dev/console', '');
  system.files.put(`/lib/modules/${release}/modules.dep`, '');
  system.files.put('/sys/bus/pci/devices/0/modalias', 'pci:a\n');
  system.files.put('/sys/bus/virtio/devices/0/modalias', 'virtio:b\n');
  system.files.put('/sys/bus/virtio/devices/1/modalias', 'virtio:b\n');
  system.files.put('/sys/class/net/eth0/address', '52:54:00:12:34:56\n');
  system.files.makeFolder('/sys/fs/bpf');
  system.files.put('/etc/resolv.keep', '');
  system.files.makeLink('/run/resolvconf/resolv.conf', paths.resolvConf);
  return system;
}

describe('boot', () => {
  test('makes the root read-only before anything else is mounted over it', () => {
    const system = bareMachine();
    expect(boot(system)).toBe('machine');
    const mounts = system.commands.filter((command) => command.includes('busybox mount'));
    expect(mounts[0]).toMatch(/-t proc .* proc \/proc$/);
    expect(mounts[1]).toMatch(/-o remount,ro none \/$/);
    expect(mounts.at(-1)).toMatch(/--make-rshared none \/$/);
  });

  test('loads every device’s module in one call, each alias once', () => {
    const system = bareMachine();
    boot(system);
    const loads = system.commands.filter((command) => command.startsWith(paths.modprobe));
    expect(loads).toEqual([`${paths.modprobe} -abq pci:a virtio:b overlay evdev`]);
  });

  test('loads what devices ask for that came with a module of the round before', () => {
    const system = bareMachine();
    const appears = new MemorySystem((command, options, machine) => {
      if (command.includes('pci:a')) machine.files.put('/sys/bus/scsi/devices/0/modalias', 'scsi:disk\n');
      return { status: system.processes.run(command, options).kind === 'exited' ? 0 : 1 };
    });
    appears.files.put('/proc/sys/kernel/osrelease', `${release}\n`);
    appears.files.put(`/lib/modules/${release}/modules.dep`, '');
    appears.files.put('/sys/bus/pci/devices/0/modalias', 'pci:a\n');
    boot(appears);
    const loads = appears.commands.filter((command) => command.startsWith(paths.modprobe));
    expect(loads.at(-1)).toBe(`${paths.modprobe} -abq scsi:disk`);
  });

  test('names the machine after its network card when nothing else does, and keeps /etc/hostname’s word', () => {
    const system = bareMachine();
    boot(system);
    expect(system.files.read('/proc/sys/kernel/hostname')).toBe('orlop-525400123456');
    const named = bareMachine();
    named.files.put(paths.hostname, 'deck\n');
    boot(named);
    expect(named.files.read('/proc/sys/kernel/hostname')).toBe('deck');
  });

  test('makes the file that /etc/resolv.conf points to', () => {
    const system = bareMachine();
    boot(system);
    expect(system.files.read('/run/resolvconf/resolv.conf')).toBe('');
  });

  test('runs the scripts of /etc/init.d in order, links followed, until one stops the boot', () => {
    const system = bareMachine();
    system.files.put('/etc/init.d/010-a', '');
    system.files.put('/usr/bin/other', '');
    system.files.makeLink('/usr/bin/other', '/etc/init.d/020-b');
    system.files.makeFolder('/etc/init.d/030-folder');
    boot(system);
    const scripts = system.commands.filter((command) => command.startsWith('/etc/init.d'));
    expect(scripts).toEqual(['/etc/init.d/010-a', '/etc/init.d/020-b']);

    const stopped = bareMachine();
    stopped.files.put('/etc/init.d/010-a', '');
    stopped.files.put(paths.bootStopped, 'stopped\n');
    boot(stopped);
    expect(stopped.commands.filter((command) => command.startsWith('/etc/init.d'))).toEqual([]);
  });

  test('leaves a container’s file systems and devices to the host', () => {
    const system = bareMachine();
    system.files.put('/proc/self/stat', '1 (qjs)');
    expect(boot(system)).toBe('container');
    expect(system.commands).toEqual([]);
  });
});
