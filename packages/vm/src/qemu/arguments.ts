import { unreachable } from '@orlop/core';
import type { AcceleratorName } from '../machine.ts';
import { machineFiles } from '../machine-folder.ts';
import type { Boot, Channel, Disk, Firmware, MachineSpec } from '../machine-spec.ts';
import { networkArguments } from './network-arguments.ts';
import { quote } from './quote.ts';
import { shareArguments, sharePortArguments } from './share-arguments.ts';

/** What the command line needs beside the machine's specification; everything here was found out before. */
export interface QemuSurroundings {
  readonly accelerator: AcceleratorName;
  /** One address for each network of the specification. */
  readonly macs: readonly string[];
  readonly uuid: string;
  /** Where the UEFI firmware is; needed when the specification asks for it. */
  readonly uefi?: UefiFiles;
  /** One virtiofsd socket for each virtiofs share, in order; undefined when the shares are plugged in later. */
  readonly virtiofsSockets: readonly string[] | undefined;
  readonly paused: boolean;
  /** A shell's command whose output is the state to go on from; the machine is paused then. */
  readonly incoming?: string;
}

export type UefiFiles =
  /** Code in one flash chip, its variables (the machine's own copy) in another. */
  | { readonly kind: 'split'; readonly codePath: string; readonly variablesPath: string }
  /** Both in one read-only file, as `--fw` of LinuxKit takes it. */
  | { readonly kind: 'whole'; readonly path: string };

/**
 * QEMU's arguments (without the program's name) for a machine whose folder is the working directory: every file of
 * the folder is named relative to it, so that sockets fit into the 108 bytes of unix(7) however deep the folder is.
 */
export function qemuArguments(spec: MachineSpec, around: QemuSurroundings): string[] {
  const board = chooseBoard(spec);
  return [
    ...['-name', `guest=${quote(spec.name)}`, '-uuid', around.uuid],
    ...['-no-user-config', '-nodefaults'],
    ...machineArguments(spec, board),
    ...acceleratorArguments(spec, around.accelerator),
    ...['-smp', String(spec.cpus), '-m', `${spec.memoryMiB}M`],
    ...(spec.shares.some((share) => share.kind === 'virtiofs') ? sharedMemoryArguments(spec) : []),
    ...(around.paused || around.incoming !== undefined ? ['-S'] : []),
    ...(around.incoming === undefined ? [] : ['-incoming', `exec:${around.incoming}`]),
    ...['-pidfile', machineFiles.pid],
    ...monitorArguments(),
    ...consoleArguments(),
    ...firmwareArguments(spec, around.uefi),
    ...bootArguments(spec.boot, { board, accelerator: around.accelerator }),
    ...spec.disks.flatMap(diskArguments),
    ...spec.cdroms.flatMap((path, index) => cdromArguments(path, { id: `cd${index}`, board })),
    ...spec.networks.flatMap((network, index) => networkArguments(network, index, around.macs[index] ?? '')),
    ...channelArguments(spec.channels),
    ...(spec.firmwareFiles ?? []).flatMap(({ name, path }) => [
      '-fw_cfg',
      `name=${quote(name)},file=${quote(path)}`,
    ]),
    ...sharePortArguments(spec.shares),
    ...shareArguments(spec.shares, around.virtiofsSockets),
    ...['-object', 'rng-random,id=rng0,filename=/dev/urandom'],
    ...['-device', 'virtio-rng-pci,rng=rng0', '-device', BALLOON],
    ...displayArguments(spec, board),
  ];
}

/** The guest reports pages that it has freed, and the host has them back (virtio 1.2 §5.5.6.7). */
const BALLOON = 'virtio-balloon-pci,free-page-reporting=on';

/**
 * `q35` on amd64, `virt` elsewhere. Not `microvm`, although a kernel has its console there 0.3 s sooner (of 2.9 s, under
 * TCG of QEMU 7.2): on a busy host its first timer interrupt is lost now and then, and the kernel waits for it for ever.
 */
type Board = 'q35' | 'virt';

function chooseBoard(spec: MachineSpec): Board {
  return spec.arch === 'amd64' ? 'q35' : 'virt';
}

function machineArguments(spec: MachineSpec, board: Board): string[] {
  const memory = spec.shares.some((share) => share.kind === 'virtiofs') ? ',memory-backend=mem' : '';
  switch (board) {
    case 'q35':
      return ['-machine', `q35,hpet=off,vmport=off${needsSata(spec) ? '' : ',sata=off'}${memory}`];
    case 'virt':
      return ['-machine', `virt${spec.arch === 'arm64' ? ',gic-version=max' : ''}${memory}`];
    default:
      return unreachable(board);
  }
}

/** Only CD-ROMs are there; looking at six empty sockets costs a guest half a second. */
function needsSata(spec: MachineSpec): boolean {
  return spec.cdroms.length > 0 || spec.boot.kind === 'iso';
}

function acceleratorArguments(spec: MachineSpec, accelerator: AcceleratorName): string[] {
  // 512 MiB of translated code: the default is a quarter of the guest's memory or less, and a full buffer starts over.
  // Several amd64 processors take turns on one thread: on threads of their own, QEMU 7.2 sometimes runs a half-written
  // instruction where Linux patches itself, and the guest dies of "Oops: int3".
  const threads = spec.arch === 'amd64' && spec.cpus > 1 ? 'single' : 'multi';
  const accel = accelerator === 'tcg' ? `tcg,thread=${threads},tb-size=512` : accelerator;
  return ['-accel', accel, '-cpu', accelerator === 'tcg' ? emulatedProcessor[spec.arch] : 'host'];
}

/**
 * All that TCG can translate, but on amd64 for two promises that only real processors keep: that `rep movsb` is the
 * fastest copy (ERMS, FSRM). TCG loops over single bytes, and Linux and the C library copy and clear by it if told so:
 * 2.1 of the 13.7 s that redis-os takes to its first answer.
 */
const emulatedProcessor: Readonly<Record<MachineSpec['arch'], string>> = {
  amd64: 'max,-erms,-fsrm',
  arm64: 'max',
  riscv64: 'rv64',
};

/** virtiofsd maps the guest's memory, so it must be a file that can be shared. */
function sharedMemoryArguments(spec: MachineSpec): string[] {
  return ['-object', `memory-backend-memfd,id=mem,size=${spec.memoryMiB}M,share=on`];
}

/** Two monitors: one for short commands, one for whoever watches the machine's events. A monitor has one client. */
function monitorArguments(): string[] {
  return [
    ...['-chardev', `socket,id=commands,path=${machineFiles.commandSocket},server=on,wait=off`],
    ...['-mon', 'chardev=commands,mode=control'],
    ...['-chardev', `socket,id=events,path=${machineFiles.eventSocket},server=on,wait=off`],
    ...['-mon', 'chardev=events,mode=control'],
  ];
}

/** QEMU itself writes the log, so it is complete whether somebody is attached or not. */
function consoleArguments(): string[] {
  const log = `logfile=${machineFiles.consoleLog},logappend=on`;
  return [
    ...['-chardev', `socket,id=console,path=${machineFiles.consoleSocket},server=on,wait=off,${log}`],
    ...['-serial', 'chardev:console'],
  ];
}

function firmwareArguments(spec: MachineSpec, uefi: UefiFiles | undefined): string[] {
  if (!needsUefi(spec) || uefi === undefined) return [];
  if (uefi.kind === 'whole') return ['-bios', uefi.path];
  return [
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${quote(uefi.codePath)}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${quote(uefi.variablesPath)}`],
  ];
}

/** Whether the machine starts through UEFI: asked for, or the only way to start a disk on its board. */
export function needsUefi(spec: MachineSpec): boolean {
  const firmware: Firmware['kind'] =
    spec.firmware?.kind ?? (spec.arch === 'amd64' || spec.boot.kind === 'kernel' ? 'bios' : 'uefi');
  return firmware === 'uefi';
}

/**
 * What an emulated kernel need not do: test its ciphers, for more than a second of every start (of eight); and, on
 * amd64, see its timer tick ten times in time, which on a busy host ends in "IO-APIC + timer doesn't work!".
 */
function emulationOptions(board: Board): string {
  return board === 'q35' ? ' cryptomgr.notests no_timer_check' : ' cryptomgr.notests';
}

interface BootSurroundings {
  readonly board: Board;
  readonly accelerator: AcceleratorName;
}

/** A unified kernel image has its options within, and takes others in their place: it is given none. */
function kernelOptions(cmdline: string, { board, accelerator }: BootSurroundings): string {
  return accelerator === 'tcg' && cmdline !== '' ? cmdline + emulationOptions(board) : cmdline;
}

function bootArguments(boot: Boot, { board, accelerator }: BootSurroundings): string[] {
  switch (boot.kind) {
    case 'kernel':
      return [
        ...['-kernel', boot.kernelPath],
        ...(boot.initrdPath === undefined ? [] : ['-initrd', boot.initrdPath]),
        ...['-append', kernelOptions(boot.cmdline, { board, accelerator })],
        ...(boot.rootPath === undefined
          ? []
          : driveArguments({ path: boot.rootPath, format: 'raw', readOnly: true }, 'boot')),
      ];
    case 'disk':
      return driveArguments({ path: boot.path, format: boot.format }, 'boot', ',bootindex=0');
    case 'iso':
      return cdromArguments(boot.path, { id: 'boot', board, deviceOptions: ',bootindex=0' });
    default:
      return unreachable(boot);
  }
}

function diskArguments(disk: Disk, index: number): string[] {
  return driveArguments(disk, diskNode(index));
}

/** QEMU's name for a disk of the specification. */
export function diskNode(index: number): string {
  return `disk${index}`;
}

/** `discard=unmap` gives space back to the host when the guest trims. */
function driveArguments(disk: Disk, id: string, deviceOptions = ''): string[] {
  const readOnly = disk.readOnly === true ? 'on' : 'off';
  const common = `read-only=${readOnly},discard=unmap`;
  return [
    ...['-blockdev', `driver=file,node-name=${id}-file,${common},filename=${quote(disk.path)}`],
    ...['-blockdev', `driver=${disk.format},node-name=${id},${common},file=${id}-file`],
    ...['-device', `virtio-blk-pci,drive=${id}${deviceOptions}`],
  ];
}

/** A SATA drive where the board has SATA, which every guest finds as `/dev/sr0`; SCSI elsewhere. */
function cdromArguments(
  path: string,
  { id, board, deviceOptions = '' }: { id: string; board: Board; deviceOptions?: string },
): string[] {
  const drive = [
    ...['-blockdev', `driver=file,node-name=${id}-file,read-only=on,filename=${quote(path)}`],
    ...['-blockdev', `driver=raw,node-name=${id},read-only=on,file=${id}-file`],
  ];
  if (board === 'q35') return [...drive, '-device', `ide-cd,drive=${id}${deviceOptions}`];
  return [
    ...drive,
    ...['-device', `virtio-scsi-pci,id=${id}-scsi`],
    ...['-device', `scsi-cd,drive=${id},bus=${id}-scsi.0${deviceOptions}`],
  ];
}

function channelArguments(channels: readonly Channel[]): string[] {
  if (channels.length === 0) return [];
  return [
    ...['-device', 'virtio-serial-pci'],
    ...channels.flatMap((channel, index) => [
      '-chardev',
      `socket,id=channel${index},path=${quote(channel.socketPath)},server=on,wait=off`,
      '-device',
      `virtserialport,chardev=channel${index},name=${quote(channel.name)}`,
    ]),
  ];
}

function displayArguments(spec: MachineSpec, board: Board): string[] {
  const passthrough = [
    ...(spec.passthrough?.usb === true ? ['-device', 'qemu-xhci,id=usb'] : []),
    ...(spec.passthrough?.devices ?? []).flatMap((device) => ['-device', device]),
  ];
  if (spec.display !== 'window') return ['-display', 'none', ...passthrough];
  const keyboard = board === 'virt' ? ['-device', 'virtio-keyboard-pci', '-device', 'virtio-tablet-pci'] : [];
  return [
    '-display',
    spec.screen ?? 'gtk',
    '-device',
    board === 'virt' ? 'virtio-gpu-pci' : 'VGA',
    ...keyboard,
    ...passthrough,
  ];
}
