import { describe, expect, it } from 'vitest';
import type { ImageConfigYaml } from '../config/image-shape.ts';
import { readImageConfig } from '../config/image-shape.ts';
import { parseYaml } from '../yaml/parse.ts';
import { ProblemList } from '../yaml/problems.ts';
import { mergeImageConfig } from './container-config.ts';
import { goJson } from './go-json.ts';
import { ociSpec } from './oci-spec.ts';
import { bindMounts, overlayMounts, runtimeConfig } from './runtime-config.ts';

function config(yaml: string): ImageConfigYaml {
  const { root } = parseYaml(yaml, 'a.yml');
  const problems = new ProblemList();
  const value = root === undefined ? undefined : readImageConfig(root, { path: '', problems });
  expect(problems.sorted()).toEqual([]);
  return value ?? {};
}

const context = {
  ids: new Map([['redis', 101]]),
  volumePath: (name: string) => `/containers/volumes/${name}/merged`,
};
const spec = (yaml: string, label = '{}', image = {}) =>
  JSON.parse(goJson(ociSpec(mergeImageConfig(config(yaml), config(label), image), context)));

describe('ociSpec', () => {
  it('writes the defaults as LinuxKit does, in the order of the Go structures', () => {
    const image = { Env: ['PATH=/bin'], Entrypoint: ['/e'], Cmd: ['a<b'], WorkingDir: '/w' };
    expect(goJson(ociSpec(mergeImageConfig({}, {}, image), context))).toBe(`{
    "ociVersion": "1.2.1",
    "process": {
        "user": {
            "uid": 0,
            "gid": 0
        },
        "args": [
            "/e",
            "a\\u003cb"
        ],
        "env": [
            "PATH=/bin"
        ],
        "cwd": "/w",
        "capabilities": {}
    },
    "root": {
        "path": "rootfs"
    },
    "mounts": [
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": [
                "nosuid",
                "strictatime",
                "mode=755",
                "size=65536k"
            ]
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": [
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620"
            ]
        },
        {
            "destination": "/proc",
            "type": "proc",
            "source": "proc",
            "options": [
                "nosuid",
                "nodev",
                "noexec",
                "relatime"
            ]
        },
        {
            "destination": "/sys",
            "type": "sysfs",
            "source": "sysfs",
            "options": [
                "nosuid",
                "noexec",
                "nodev"
            ]
        },
        {
            "destination": "/sys/fs/cgroup",
            "type": "cgroup",
            "source": "cgroup",
            "options": [
                "nosuid",
                "noexec",
                "nodev",
                "relatime",
                "ro"
            ]
        }
    ],
    "linux": {
        "namespaces": [
            {
                "type": "pid"
            },
            {
                "type": "mount"
            }
        ]
    }
}`);
  });

  it('gives bounding, permitted and inheritable the sorted union, effective what is given in its order', () => {
    const { capabilities } = spec('capabilities: [CAP_SETUID, CAP_CHOWN]\nambient: [CAP_KILL]').process;
    const all = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID'];
    expect(capabilities).toEqual({
      bounding: all,
      effective: ['CAP_SETUID', 'CAP_CHOWN'],
      inheritable: all,
      permitted: all,
      ambient: ['CAP_KILL'],
    });
    expect(spec('capabilities: [ALL]').process.capabilities.effective).toHaveLength(41);
  });

  it('honours the camel-case keys that LinuxKit drops', () => {
    const yaml = `
resources:
  memory: {kernelTCP: 5, disableOOMKiller: true}
  cpu: {realtimeRuntime: 6, realtimePeriod: 7}
  blockio: {leafWeight: 8, throttleReadBpsDevice: [{major: 8, minor: 0, rate: 9}]}
  hugepageLimits: [{pageSize: 2097152, limit: 18446744073709551615}]
  network: {classID: 10, priorities: [{name: eth0, priority: 1}]}
uidMappings: [{hostID: 1000, containerID: 0, size: 10}]`;
    const text = goJson(ociSpec(mergeImageConfig(config(yaml), {}, {}), context));
    expect(text).toContain('"limit": 18446744073709551615');
    const { linux } = JSON.parse(text);
    expect(linux.uidMappings).toEqual([{ containerID: 0, hostID: 1000, size: 10 }]);
    expect(linux.resources).toMatchObject({
      memory: { kernelTCP: 5, disableOOMKiller: true },
      cpu: { realtimeRuntime: 6, realtimePeriod: 7 },
      blockIO: { leafWeight: 8, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 9 }] },
      hugepageLimits: [{ pageSize: '2MB' }],
      network: { classID: 10, priorities: [{ name: 'eth0', priority: 1 }] },
    });
  });

  it('replaces default mounts by destination, with volumes at their place in the guest', () => {
    const yaml = `
mounts: [{type: tmpfs, destination: /sys}, {type: bind, source: vol, destination: /m, options: [ro]}]
binds: ["/dev:/dev", "vol:/v:ro"]
tmpfs: ["/run:mode=755"]`;
    const mounts = spec(yaml).mounts;
    expect(mounts.map((mount: { destination: string }) => mount.destination)).toEqual([
      '/dev',
      '/dev/pts',
      '/m',
      '/proc',
      '/run',
      '/sys',
      '/sys/fs/cgroup',
      '/v',
    ]);
    const merged = '/containers/volumes/vol/merged';
    expect(mounts[0]).toEqual({
      destination: '/dev',
      type: 'bind',
      source: '/dev',
      options: ['rw', 'rbind', 'rshared'],
    });
    expect(mounts[2]).toEqual({ destination: '/m', type: 'bind', source: merged, options: ['ro', 'rbind'] });
    expect(mounts[5]).toEqual({ destination: '/sys', type: 'tmpfs', source: 'tmpfs' });
    expect(mounts[7]).toEqual({ destination: '/v', type: 'bind', source: merged, options: ['ro', 'rbind'] });
  });

  it('makes the default mounts of a read-only container read-only', () => {
    const { root, mounts } = spec('readonly: true');
    expect(root).toEqual({ path: 'rootfs', readonly: true });
    expect(mounts[0].options.at(-1)).toBe('ro');
    expect(mounts[3].options.at(-1)).toBe('ro');
  });

  it('names namespaces in the order net, ipc, uts, pid, user, mount', () => {
    const yaml = 'net: none\nipc: new\nuts: /run/uts\npid: host\nuserns: new';
    expect(spec(yaml).linux.namespaces).toEqual([
      { type: 'network' },
      { type: 'ipc' },
      { type: 'uts', path: '/run/uts' },
      { type: 'user' },
      { type: 'mount' },
    ]);
  });

  it('turns devices into nodes and rules, and "all" into a rule alone', () => {
    const yaml =
      'devices: [{path: /dev/x, type: c, major: 10, minor: 200, mode: "0660"}, {path: all, type: b}]';
    const { linux } = spec(yaml);
    expect(linux.devices).toEqual([{ path: '/dev/x', type: 'c', major: 10, minor: 200, fileMode: 0o660 }]);
    expect(linux.resources.devices).toEqual([
      { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' },
      { allow: true, type: 'b', access: 'rwm' },
    ]);
  });

  it('resolves ids by the names of containers, and limits with or without their prefix', () => {
    const { user, rlimits } = spec(
      'uid: redis\ngid: root\nadditionalGids: [redis, 7]\nrlimits: ["nofile,1,unlimited"]',
    ).process;
    expect(user).toEqual({ uid: 101, gid: 0, additionalGids: [101, 7] });
    expect(rlimits).toEqual([{ type: 'RLIMIT_NOFILE', hard: 2 ** 64, soft: 1 }]);
  });

  it('reads numbers with a leading zero as LinuxKit does, in octal', () => {
    const { user, oomScoreAdj } = spec(
      'uid: 0100\nadditionalGids: [08, 0o17, 0x10]\noomScoreAdj: -010',
    ).process;
    expect(user).toMatchObject({ uid: 64, additionalGids: [8, 15, 16] });
    expect(oomScoreAdj).toBe(-8);
  });
});

describe('mergeImageConfig', () => {
  const label =
    '{"capabilities": ["CAP_KILL"], "binds": ["/l:/l"], "net": "new", "env": ["L=1"], "runtime": {"mkdir": ["/l"], "namespace": "l"}}';

  it('prefers the YAML to the label, even an empty list, and the label to the image', () => {
    const merged = mergeImageConfig(config('capabilities: []\nnet: ""\ncwd: ""'), config(label), {
      Env: ['I=1'],
      WorkingDir: '/i',
    });
    expect(merged.capabilities).toEqual([]);
    expect(merged.net).toBe('new');
    expect(merged.env).toEqual(['L=1']);
    expect(merged.cwd).toBe('/i');
  });

  it('adds to what the label has, unless the YAML replaces it', () => {
    const added = mergeImageConfig(
      config('capabilities.add: [CAP_CHOWN]\nbinds.add: ["/y:/y"]'),
      config(label),
      {},
    );
    expect(added.capabilities).toEqual(['CAP_KILL', 'CAP_CHOWN']);
    expect(added.binds?.map(({ value }) => value)).toEqual(['/l:/l', '/y:/y']);
    const replaced = mergeImageConfig(
      config('capabilities: [CAP_FOWNER]\ncapabilities.add: [CAP_CHOWN]'),
      config(label),
      {},
    );
    expect(replaced.capabilities).toEqual(['CAP_FOWNER']);
  });

  it('merges runtime by its fields', () => {
    const merged = mergeImageConfig(config('runtime: {mkdir: ["/y"]}'), config(label), {});
    expect(merged.runtime).toEqual({ mkdir: ['/y'], namespace: 'l' });
  });
});

describe('runtimeConfig', () => {
  it('has all keys always, and the overlay of a writable root before what is asked', () => {
    const folder = 'containers/services/a';
    const { runtime } = config(
      'runtime: {mounts: [{type: tmpfs, destination: /x}], interfaces: [{name: eth1, add: veth}]}',
    );
    expect(
      JSON.parse(goJson(runtimeConfig(runtime ?? {}, overlayMounts(folder, `${folder}/lower`)))),
    ).toEqual({
      cgroups: [],
      mounts: [
        { destination: `/${folder}/tmp`, type: 'tmpfs', source: 'tmpfs' },
        { destination: `/${folder}/tmp`, options: ['remount', 'private'] },
        {
          destination: `/${folder}/rootfs`,
          type: 'overlay',
          source: 'overlay',
          options: [
            `lowerdir=/${folder}/lower`,
            `upperdir=/${folder}/tmp/upper`,
            `workdir=/${folder}/tmp/work`,
          ],
        },
        { destination: '/x', type: 'tmpfs' },
      ],
      mkdir: [],
      interfaces: [{ name: 'eth1', add: 'veth', createInRoot: false }],
      bindNS: { cgroup: '', ipc: '', mnt: '', net: '', pid: '', user: '', uts: '' },
      namespace: '',
    });
  });

  it('binds the root of a read-only container to itself', () => {
    expect(bindMounts('containers/services/a', 'containers/services/a/rootfs')).toEqual([
      {
        destination: '/containers/services/a/rootfs',
        source: '/containers/services/a/rootfs',
        options: ['bind'],
      },
    ]);
  });
});
