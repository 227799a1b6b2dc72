import { describe, expect, it } from 'vitest';
import { MAX_SHARES, type MachineSpec } from '../machine-spec.ts';
import { needsUefi, type QemuSurroundings, qemuArguments } from './arguments.ts';

const spec: MachineSpec = {
  name: 'redis-os',
  arch: 'amd64',
  cpus: 2,
  memoryMiB: 512,
  boot: {
    kind: 'kernel',
    kernelPath: '/i/redis-os-kernel',
    initrdPath: '/i/redis-os-initrd.img',
    cmdline: 'console=ttyS0 a=b,c',
  },
  disks: [],
  cdroms: [],
  networks: [],
  channels: [],
  shares: [],
};

const around: QemuSurroundings = {
  accelerator: 'tcg',
  macs: ['52:54:00:00:00:01', '52:54:00:00:00:02'],
  uuid: '00000000-0000-4000-8000-000000000000',
  virtiofsSockets: ['share0.sock'],
  paused: false,
};

/** One option and its value a line. */
function lines(change: Partial<MachineSpec> = {}, surroundings: Partial<QemuSurroundings> = {}): string[] {
  const result: string[] = [];
  for (const word of qemuArguments({ ...spec, ...change }, { ...around, ...surroundings })) {
    if (word.startsWith('-')) result.push(word);
    else result[result.length - 1] += ` ${word}`;
  }
  return result;
}

/** What a change adds to the plain machine. */
const added = (change: Partial<MachineSpec>, surroundings: Partial<QemuSurroundings> = {}) => {
  const plain = new Set(lines());
  return lines(change, surroundings).filter((line) => !plain.has(line));
};

describe('qemuArguments', () => {
  it('starts a kernel on a plain machine with these words', () => {
    expect(lines()).toEqual([
      '-name guest=redis-os',
      '-uuid 00000000-0000-4000-8000-000000000000',
      '-no-user-config',
      '-nodefaults',
      '-machine q35,hpet=off,vmport=off,sata=off',
      '-accel tcg,thread=single,tb-size=512',
      '-cpu max,-erms,-fsrm',
      '-smp 2',
      '-m 512M',
      '-pidfile machine.pid',
      '-chardev socket,id=commands,path=commands.sock,server=on,wait=off',
      '-mon chardev=commands,mode=control',
      '-chardev socket,id=events,path=events.sock,server=on,wait=off',
      '-mon chardev=events,mode=control',
      '-chardev socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on',
      '-serial chardev:console',
      '-kernel /i/redis-os-kernel',
      '-initrd /i/redis-os-initrd.img',
      '-append console=ttyS0 a=b,c cryptomgr.notests no_timer_check',
      '-object rng-random,id=rng0,filename=/dev/urandom',
      '-device virtio-rng-pci,rng=rng0',
      '-device virtio-balloon-pci,free-page-reporting=on',
      '-display none',
    ]);
  });

  it('gives a unified kernel image no options, since they would replace its own', () => {
    const image = lines({ boot: { kind: 'kernel', kernelPath: '/i/web.efi', cmdline: '' } });
    expect(image).toContain('-kernel /i/web.efi');
    expect(image).toContain('-append ');
  });

  it('gives a user network its published ports at the addresses asked for, and a stream its MTU', () => {
    expect(
      added({
        networks: [
          {
            kind: 'user',
            publish: [
              { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 16379, guestPort: 6379 },
              { protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 5353, guestPort: 53 },
            ],
          },
          { kind: 'stream', socketPath: '/n/a,b.sock', mtu: 4000 },
        ],
      }),
    ).toEqual([
      '-netdev user,id=net0,hostfwd=tcp:127.0.0.1:16379-:6379,hostfwd=udp:0.0.0.0:5353-:53',
      '-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=',
      '-netdev stream,id=net1,server=off,addr.type=unix,addr.path=/n/a,,b.sock',
      '-device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02,romfile=,host_mtu=4000',
    ]);
  });

  it('joins TAP devices and bridges without scripts', () => {
    expect(
      added({
        networks: [
          { kind: 'tap', device: 'tap7' },
          { kind: 'bridge', bridge: 'br0' },
        ],
      }).filter((line) => line.startsWith('-netdev')),
    ).toEqual(['-netdev tap,id=net0,ifname=tap7,script=no,downscript=no', '-netdev bridge,id=net1,br=br0']);
  });

  it('puts the root of a kernel first, then the disks, then CD-ROMs in SATA drives', () => {
    expect(
      added({
        boot: { kind: 'kernel', kernelPath: '/k', rootPath: '/root,1.img', cmdline: 'root=/dev/vda' },
        disks: [{ path: '/d.qcow2', format: 'qcow2' }],
        cdroms: ['/data.iso'],
      }),
    ).toEqual([
      '-machine q35,hpet=off,vmport=off',
      '-kernel /k',
      '-append root=/dev/vda cryptomgr.notests no_timer_check',
      '-blockdev driver=file,node-name=boot-file,read-only=on,discard=unmap,filename=/root,,1.img',
      '-blockdev driver=raw,node-name=boot,read-only=on,discard=unmap,file=boot-file',
      '-device virtio-blk-pci,drive=boot',
      '-blockdev driver=file,node-name=disk0-file,read-only=off,discard=unmap,filename=/d.qcow2',
      '-blockdev driver=qcow2,node-name=disk0,read-only=off,discard=unmap,file=disk0-file',
      '-device virtio-blk-pci,drive=disk0',
      '-blockdev driver=file,node-name=cd0-file,read-only=on,filename=/data.iso',
      '-blockdev driver=raw,node-name=cd0,read-only=on,file=cd0-file',
      '-device ide-cd,drive=cd0',
    ]);
  });

  it('boots disks and CD-ROMs, through UEFI where asked', () => {
    const uefi = { kind: 'split', codePath: '/f/CODE.fd', variablesPath: 'vars.fd' } as const;
    expect(
      added({ boot: { kind: 'disk', path: '/a.img', format: 'raw' }, firmware: { kind: 'uefi' } }, { uefi }),
    ).toEqual([
      '-drive if=pflash,format=raw,unit=0,readonly=on,file=/f/CODE.fd',
      '-drive if=pflash,format=raw,unit=1,file=vars.fd',
      '-blockdev driver=file,node-name=boot-file,read-only=off,discard=unmap,filename=/a.img',
      '-blockdev driver=raw,node-name=boot,read-only=off,discard=unmap,file=boot-file',
      '-device virtio-blk-pci,drive=boot,bootindex=0',
    ]);
    expect(added({ boot: { kind: 'iso', path: '/a.iso' } }).at(-1)).toBe(
      '-device ide-cd,drive=boot,bootindex=0',
    );
    const whole = { kind: 'whole', path: '/f/OVMF.fd' } as const;
    expect(
      added({ boot: { kind: 'iso', path: '/a.iso' }, firmware: { kind: 'uefi' } }, { uefi: whole }),
    ).toContain('-bios /f/OVMF.fd');
  });

  it('shares folders, with the memory that virtiofsd maps', () => {
    expect(
      added({
        shares: [
          { kind: 'virtiofs', tag: 'src', hostPath: '/src' },
          { kind: '9p', tag: 'old', hostPath: '/old', readOnly: true },
        ],
      }),
    ).toEqual([
      '-machine q35,hpet=off,vmport=off,sata=off,memory-backend=mem',
      '-object memory-backend-memfd,id=mem,size=512M,share=on',
      '-device pcie-root-port,id=shareport0,chassis=1,slot=1,io-reserve=0',
      '-chardev socket,id=share0,path=share0.sock',
      '-device vhost-user-fs-pci,id=share0,bus=shareport0,queue-size=1024,chardev=share0,tag=src',
      '-fsdev local,id=share1,path=/old,security_model=none,multidevs=remap,readonly=on',
      '-device virtio-9p-pci,fsdev=share1,mount_tag=old',
    ]);
  });

  it('has the ports of many shares in few slots, each at a place of its own', () => {
    const shares = Array.from({ length: MAX_SHARES }, (_, index) => ({
      ...({ kind: 'virtiofs', tag: `share${index}`, hostPath: `/s${index}` } as const),
    }));
    const ports = added({ shares }).filter((word) => word.startsWith('-device pcie-root-port'));
    const places = ports
      .map((word) => /addr=(\w+\.\d)/.exec(word)?.[1])
      .filter((place) => place !== undefined);
    expect(ports).toHaveLength(MAX_SHARES);
    expect(places).toHaveLength(MAX_SHARES - 8);
    expect(new Set(places).size).toBe(places.length);
    expect(places.slice(0, 9)).toEqual([
      '1e.0',
      '1e.1',
      '1e.2',
      '1e.3',
      '1e.4',
      '1e.5',
      '1e.6',
      '1e.7',
      '1d.0',
    ]);
    expect(ports.filter((word) => word.includes('multifunction=on'))).toHaveLength(places.length / 8);
  });

  it('shows the screen where it is told', () => {
    expect(added({ display: 'window', screen: 'vnc=unix:screen.sock' })).toEqual([
      '-display vnc=unix:screen.sock',
      '-device VGA',
    ]);
  });

  it('opens channels, a window, USB, and hands devices through', () => {
    expect(
      added({
        channels: [{ name: 'orlop.agent', socketPath: '/c.sock' }],
        display: 'window',
        passthrough: { usb: true, devices: ['usb-tablet'] },
      }),
    ).toEqual([
      '-device virtio-serial-pci',
      '-chardev socket,id=channel0,path=/c.sock,server=on,wait=off',
      '-device virtserialport,chardev=channel0,name=orlop.agent',
      '-display gtk',
      '-device VGA',
      '-device qemu-xhci,id=usb',
      '-device usb-tablet',
    ]);
  });

  it.each([
    ['amd64', 'tcg', '-machine q35,hpet=off,vmport=off,sata=off', '-cpu max,-erms,-fsrm'],
    ['amd64', 'kvm', '-machine q35,hpet=off,vmport=off,sata=off', '-cpu host'],
    ['arm64', 'tcg', '-machine virt,gic-version=max', '-cpu max'],
    ['riscv64', 'tcg', '-machine virt', '-cpu rv64'],
  ] as const)('has the board and processor of %s under %s', (arch, accelerator, machine, cpu) => {
    const found = lines({ arch }, { accelerator });
    expect(found).toContain(machine);
    expect(found).toContain(cpu);
  });

  it('hands files to the guest by the firmware device', () => {
    const firmwareFiles = [{ name: 'opt/orlop/engine', path: '/a/engine,1.json' }];
    expect(added({ firmwareFiles })).toEqual(['-fw_cfg name=opt/orlop/engine,file=/a/engine,,1.json']);
  });

  it('starts with the processor stopped when asked', () => {
    expect(added({}, { paused: true })).toEqual(['-S']);
  });
});

describe('needsUefi', () => {
  it.each([
    ['amd64', 'disk', false],
    ['arm64', 'disk', true],
    ['arm64', 'kernel', false],
  ] as const)('on %s with a %s is %s when nothing is asked for', (arch, kind, expected) => {
    const boot = kind === 'kernel' ? spec.boot : ({ kind: 'disk', path: '/a', format: 'raw' } as const);
    expect(needsUefi({ ...spec, arch, boot })).toBe(expected);
  });
});
