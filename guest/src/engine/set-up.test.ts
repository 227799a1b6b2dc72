import { describe, expect, it } from 'vitest';
import { Console } from '../console.ts';
import { type CommandScript, MemorySystem } from '../system/memory-system.ts';
import { enginePaths } from './engine-paths.ts';
import { firewallRules, firewallRules6 } from './firewall.ts';
import { defaultGateway, setUpEngine } from './set-up.ts';

const routes =
  'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t017FA8C0\t0003\t0\t0\t0\t00000000\n';

/** A machine with disks of these sizes; `vda` is the read-only root. `found` is what blkid says of a disk. */
function machine(disks: Readonly<Record<string, { sectors: number; found?: string }>>, more?: CommandScript) {
  const system = new MemorySystem((command, options, self) => {
    if (command[0]?.endsWith('blkid') === true) {
      const found = disks[(command.at(-1) ?? '').replace('/dev/', '')]?.found;
      return found === undefined ? { status: 2 } : { status: 0, output: found };
    }
    return more?.(command, options, self) ?? { status: 0 };
  });
  const put = (path: string, text: string): void => {
    system.files.makeFolder(path.slice(0, path.lastIndexOf('/')));
    system.files.write(path, text);
  };
  for (const [name, { sectors }] of Object.entries({ vda: { sectors: 100 }, ...disks })) {
    put(`/sys/class/block/${name}/ro`, name === 'vda' ? '1\n' : '0\n');
    put(`/sys/class/block/${name}/size`, `${sectors}\n`);
  }
  put('/proc/net/route', routes);
  put('/dev/console', '');
  put('/var/lib/x', '');
  system.files.makeFolder('/sys/class/net/eth0');
  const configure = (configuration: object): void =>
    put(enginePaths.fromHost, JSON.stringify({ version: 1, ...configuration }));
  return { system, put, configure, setUp: () => setUpEngine(system, new Console(system)) };
}

const labelled = 'DEVNAME=/dev/vdb\nLABEL=orlop-data\nTYPE=ext4\n';

describe('setUpEngine', () => {
  it('makes a file system on a blank disk, and mounts it', () => {
    const { system, setUp } = machine({ vdb: { sectors: 2048 } });
    expect(setUp()).toBe(0);
    const disk = system.commands.filter((command) => command.includes('/dev/vdb')).slice(1);
    expect(disk[0]).toMatch(/^\/usr\/sbin\/mke2fs .*-L orlop-data .*\/dev\/vdb$/);
    expect(disk[1]).toMatch(/^\/usr\/bin\/mount -t ext4 -o noatime,discard,commit=1 \/dev\/vdb \/var\/lib$/);
    expect(disk).toHaveLength(2);
    expect(system.files.read(enginePaths.dataSectors)).toBe('2048\n');
  });

  it('checks and grows a disk that has become larger, and grows it once', () => {
    const { system, put, setUp } = machine({ vdb: { sectors: 4096, found: labelled } });
    put(enginePaths.dataSectors, '2048\n');
    setUp();
    expect(system.commands.filter((command) => /e2fsck|resize2fs/.test(command))).toEqual([
      '/usr/sbin/e2fsck -p /dev/vdb',
      '/usr/sbin/resize2fs /dev/vdb',
    ]);
    setUp();
    expect(system.commands.filter((command) => command.includes('resize2fs'))).toHaveLength(1);
  });

  it('prefers the disk with the label to a blank one, and touches no other', () => {
    const { system, setUp } = machine({
      vdb: { sectors: 10, found: 'LABEL=mine\n' },
      vdc: { sectors: 10 },
      vdd: { sectors: 10, found: labelled },
    });
    expect(setUp()).toBe(0);
    expect(system.commands.some((command) => command.includes('mke2fs'))).toBe(false);
    expect(system.commands.some((command) => / \/dev\/vdd \/var\/lib$/.test(command))).toBe(true);
  });

  it('does not let the engine start without its disk', () => {
    expect(machine({}).setUp()).toBe(1);
    expect(machine({ vdb: { sectors: 10, found: 'TYPE=xfs\n' } }).setUp()).toBe(1);
    const damaged = machine({ vdb: { sectors: 10, found: labelled } }, (command) => ({
      status: command[0]?.endsWith('e2fsck') === true ? 4 : 0,
    }));
    expect(damaged.setUp()).toBe(1);
    expect(damaged.system.commands.some((command) => command.includes('mount -t ext4'))).toBe(false);
  });

  it('listens beyond the machine only with keys, which it keeps from others', () => {
    const bare = machine({ vdb: { sectors: 10 } });
    bare.setUp();
    expect(JSON.parse(bare.system.files.read(enginePaths.daemon) ?? '')).toMatchObject({
      hosts: ['unix:///run/docker.sock'],
    });

    const { system, configure, setUp } = machine({ vdb: { sectors: 10 } });
    configure({
      tls: { ca: 'A', certificate: 'C', key: 'K' },
      daemon: { debug: true, tlsverify: false },
      port: 3000,
    });
    setUp();
    expect(JSON.parse(system.files.read(enginePaths.daemon) ?? '')).toMatchObject({
      debug: true,
      hosts: ['unix:///run/docker.sock', 'tcp://0.0.0.0:63000'],
      tlsverify: true,
      tlskey: enginePaths.key,
    });
    expect(system.files.status(enginePaths.key)?.mode).toBe(0o600);
    expect(system.files.read(enginePaths.firewall)).toContain(
      '-i eth0 -s 192.168.127.1 -p tcp --dport 3000 -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 63000',
    );
  });

  it('writes shares, certificates and variables for the service', () => {
    const { system, configure, setUp } = machine({ vdb: { sectors: 10 } });
    configure({
      shares: [{ tag: 's0', path: '/home/a b', readOnly: true }],
      certificates: ['PEM'],
      registryCertificates: { 'r.test:5000': 'R', '../../etc': 'no' },
      environment: { HTTP_PROXY: "http://it's", 'X Y': 'no' },
    });
    setUp();
    expect(system.files.read(enginePaths.shares)).toBe('s0\tro\t/home/a b\n');
    expect(system.files.read(`${enginePaths.certificates}/orlop-0.pem`)).toBe('PEM\n');
    expect(system.files.list(enginePaths.registryCertificates)).toEqual(['r.test:5000']);
    expect(system.files.read(enginePaths.environment)).toBe("export HTTP_PROXY='http://it'\\''s'\n");
  });

  it('takes the addresses that the host has chosen, and asks nobody', () => {
    const { system, configure, setUp } = machine({ vdb: { sectors: 10 } });
    configure({
      network: {
        address: '10.1.0.2/16',
        gateway: '10.1.0.1',
        nameservers: ['10.1.0.1'],
        search: ['a.test'],
        mtu: 9000,
      },
    });
    setUp();
    expect(
      system.commands.filter((command) => command.includes('busybox ip') || command.includes('udhcpc')),
    ).toEqual([
      '/usr/bin/busybox ip addr add 10.1.0.2/16 dev eth0',
      '/usr/bin/busybox ip link set eth0 mtu 9000 up',
      '/usr/bin/busybox ip route add default via 10.1.0.1 dev eth0',
    ]);
    expect(system.files.read('/run/resolvconf/resolv.conf')).toBe('search a.test\nnameserver 10.1.0.1\n');
  });
});

describe('firewallRules', () => {
  it('leads the clients to where the programs listen, by the card, and drops everybody who asks there', () => {
    expect(firewallRules({ ports: [2376, 2374], clients: ['10.0.0.1', 'x; reboot'] }).split('\n')).toEqual([
      '*raw',
      '-A PREROUTING -i eth0 -d 127.0.0.0/8 -j DROP',
      '-A PREROUTING -p tcp --dport 62376 -m addrtype --dst-type LOCAL -j DROP',
      '-A PREROUTING -p tcp --dport 62374 -m addrtype --dst-type LOCAL -j DROP',
      '-A PREROUTING ! -i eth0 -d 10.0.0.1 -p tcp --dport 5000 -j DROP',
      '-A PREROUTING ! -i eth0 -d 10.0.0.1 -p tcp --dport 5001 -j DROP',
      'COMMIT',
      '*nat',
      '-A PREROUTING -i eth0 -s 10.0.0.1 -p tcp --dport 2376 -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 62376',
      '-A PREROUTING -i eth0 -s 10.0.0.1 -p tcp --dport 2374 -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 62374',
      '-A PREROUTING -i eth0 -s 10.0.0.1 -d 192.0.0.8 -j DNAT --to-destination 127.0.0.1',
      'COMMIT',
      '*filter',
      '-A FORWARD -i eth0 -s 10.0.0.1 -j ACCEPT',
      'COMMIT',
      '',
    ]);
  });
});

describe('firewallRules6', () => {
  it('drops everybody', () => {
    expect(firewallRules6([2376, 2374]).split('\n')).toEqual([
      '*raw',
      '-A PREROUTING -p tcp --dport 62376 -m addrtype --dst-type LOCAL -j DROP',
      '-A PREROUTING -p tcp --dport 62374 -m addrtype --dst-type LOCAL -j DROP',
      'COMMIT',
      '',
    ]);
  });
});

describe('defaultGateway', () => {
  it('reads the address in the byte order of the machine', () => {
    expect(defaultGateway(routes)).toBe('192.168.127.1');
    expect(defaultGateway('Iface\n')).toBeUndefined();
  });
});
