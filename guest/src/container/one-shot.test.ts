import { describe, expect, test } from 'vitest';
import { readBootRecord } from '../boot/boot-record.ts';
import { Console } from '../console.ts';
import { paths } from '../paths.ts';
import { type CommandScript, MemorySystem } from '../system/memory-system.ts';
import { runOneShots } from './one-shot.ts';
import { runc } from './runc.ts';
import { mountVolumes } from './volumes.ts';

const console = '/dev/console';

function machine(
  containers: Readonly<Record<string, { runtime?: object; orlop?: object }>>,
  script?: CommandScript,
) {
  const system = new MemorySystem(script);
  system.files.put(console, '', 'character-device');
  system.files.makeFolder(paths.logs);
  for (const [name, { runtime, orlop }] of Object.entries(containers)) {
    system.files.put(`${paths.onboot}/${name}/config.json`, '{"root":{"path":"rootfs"}}');
    if (runtime !== undefined)
      system.files.put(`${paths.onboot}/${name}/runtime.json`, JSON.stringify(runtime));
    if (orlop !== undefined) system.files.put(`${paths.onboot}/${name}/orlop.json`, JSON.stringify(orlop));
  }
  return system;
}

const failing =
  (name: string): CommandScript =>
  (command) =>
    command.includes(name) && command.includes('run') ? { status: 3, output: 'last words\n' } : { status: 0 };

describe('runOneShots', () => {
  test('runs containers in the order of their names', () => {
    const system = machine({ '001-b': {}, '000-a': {} });
    expect(runOneShots(system, 'onboot')).toBe('done');
    expect(system.commands).toEqual([
      `${runc.join(' ')} run --bundle ${paths.onboot}/000-a 000-a`,
      `${runc.join(' ')} run --bundle ${paths.onboot}/001-b 001-b`,
    ]);
  });

  test('mounts as runtime.json says, and takes the container’s own mounts away again', () => {
    const folder = `${paths.onboot}/000-a`;
    const system = machine({
      '000-a': {
        runtime: {
          mounts: [
            { type: 'tmpfs', source: 'tmpfs', destination: `${folder}/tmp` },
            { destination: `${folder}/tmp`, options: ['remount', 'private'] },
            {
              type: 'overlay',
              source: 'overlay',
              destination: `${folder}/rootfs`,
              options: [`upperdir=${folder}/tmp/upper`],
            },
          ],
          mkdir: ['inside', '/outside'],
          cgroups: ['podruntime'],
        },
      },
    });
    system.files.put(`${paths.cgroups}/cgroup.controllers`, '');
    runOneShots(system, 'onboot');
    expect(system.commands).toEqual([
      `${paths.busybox} mount -n -t tmpfs tmpfs ${folder}/tmp`,
      `${paths.busybox} mount -n --make-private none ${folder}/tmp`,
      `${paths.busybox} mount -n -t overlay -o upperdir=${folder}/tmp/upper overlay ${folder}/rootfs`,
      `${runc.join(' ')} run --bundle ${folder} 000-a`,
      `${paths.busybox} umount -l ${folder}/rootfs`,
      `${paths.busybox} umount -l ${folder}/tmp`,
    ]);
    for (const made of [
      `${folder}/tmp/upper`,
      `${folder}/rootfs/inside`,
      '/outside',
      `${paths.cgroups}/podruntime`,
    ]) {
      expect(system.files.status(made)?.kind).toBe('directory');
    }
  });

  test('shows a failed container’s last lines, records its status, and goes on', () => {
    const system = machine({ '000-a': {}, '001-b': {} }, failing('000-a'));
    expect(runOneShots(system, 'onboot')).toBe('done');
    expect(system.files.read(console)).toMatch(
      /000-a FAILED with exit status 3; its last lines:\n {4}last words\n/,
    );
    expect(readBootRecord(system).map(({ name, status }) => [name, status])).toEqual([
      ['onboot 000-a', 3],
      ['onboot 001-b', 0],
    ]);
  });

  test.each([
    ['stop', 'stopped'],
    ['poweroff', 'poweroff'],
  ] as const)('ends after a failure whose onFailure is "%s"', (onFailure, outcome) => {
    const system = machine({ '000-a': { orlop: { onFailure } }, '001-b': {} }, failing('000-a'));
    expect(runOneShots(system, 'onboot')).toBe(outcome);
    expect(system.commands.some((command) => command.includes('001-b'))).toBe(false);
  });

  test('gives runc a hook where interfaces or namespaces are to be handed over', () => {
    const system = machine({ '000-a': { runtime: { bindNS: { net: '/run/netns/a' } } } });
    runOneShots(system, 'onboot');
    const folder = `${paths.bundles}/onboot/000-a`;
    expect(system.commands).toEqual([`${runc.join(' ')} run --bundle ${folder} 000-a`]);
    expect(JSON.parse(system.files.read(`${folder}/config.json`) ?? '')).toEqual({
      root: { path: `${paths.onboot}/000-a/rootfs` },
      hooks: {
        createRuntime: [
          { path: paths.serviceProgram, args: ['service', 'prepare-process', 'onboot', '000-a'] },
        ],
      },
    });
  });
});

describe('mountVolumes', () => {
  const volume = (marked: boolean): readonly string[] => {
    const system = new MemorySystem();
    system.files.put(console, '', 'character-device');
    system.files.put('/proc/filesystems', 'nodev\toverlay\n');
    for (const part of ['lower', 'tmp', 'merged']) system.files.makeFolder(`${paths.volumes}/v/${part}`);
    if (marked) system.files.put(`${paths.volumes}/v/readonly`, '');
    mountVolumes(system, new Console(system));
    return system.commands.map((command) => command.replace(`${paths.busybox} mount -n `, ''));
  };

  test('lays a layer of memory over a writable volume', () => {
    const folder = `${paths.volumes}/v`;
    expect(volume(false)).toEqual([
      `-t tmpfs tmpfs ${folder}/tmp`,
      `-t overlay -o lowerdir=${folder}/lower,upperdir=${folder}/tmp/upper,workdir=${folder}/tmp/work overlay ${folder}/merged`,
    ]);
  });

  test('gives a marked volume no layer that could be written', () => {
    expect(volume(true)).toEqual([
      `-t overlay -o ro,lowerdir=${paths.volumes}/v/lower:${paths.state}/empty overlay ${paths.volumes}/v/merged`,
    ]);
  });
});
