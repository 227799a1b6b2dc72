import { expect, test } from 'vitest';
import { paths } from '../paths.ts';
import { MemorySystem } from '../system/memory-system.ts';
import { shutDown } from './shut-down.ts';

function machine(): MemorySystem {
  const system = new MemorySystem();
  system.files.put('/dev/console', '', 'character-device');
  system.files.put('/etc/shutdown.d/010-hook', '');
  system.files.put(
    '/proc/mounts',
    'rootfs / rootfs ro 0 0\n/dev/vda /var/lib/my\\040data ext4 rw 0 0\noverlay /var/lib/a overlay rw 0 0\nhost /mnt 9p rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n',
  );
  return system;
}

test('shutDown runs hooks, ends processes, unmounts from the inside out, and then cuts the power', () => {
  const system = machine();
  shutDown(system, 'poweroff');
  expect(system.processes.signals).toEqual(['TERM -1', 'KILL -1']);
  expect(system.commands).toEqual([
    '/etc/shutdown.d/010-hook',
    `${paths.busybox} sync`,
    `${paths.busybox} umount -l /mnt`,
    `${paths.busybox} umount /var/lib/a`,
    `${paths.busybox} umount /var/lib/my data`,
    `${paths.busybox} sync`,
    `${paths.busybox} poweroff -f`,
  ]);
});

test('shutDown leaves the power to init when it was called by it', () => {
  const system = machine();
  shutDown(system, 'noop');
  expect(system.commands.at(-1)).toBe(`${paths.busybox} sync`);
});

test('shutDown lets a process have five seconds before it is killed', () => {
  const system = machine();
  system.files.put('/proc/77/cmdline', 'sleep\0');
  const startedMs = system.time.uptimeMs();
  shutDown(system, 'reboot');
  // Five after TERM, five after KILL, as this one never goes.
  expect(system.time.uptimeMs() - startedMs).toBe(10_000);
});

test('shutDown does nothing when the machine is already going down', () => {
  const system = machine();
  shutDown(system, 'noop');
  const before = system.commands.length;
  shutDown(system, 'poweroff');
  expect(system.commands).toHaveLength(before);
});
