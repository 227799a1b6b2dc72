import { isIP } from 'node:net';
import { extname, resolve } from 'node:path';
import type { AcceleratorName, Disk, DiskFormat, FirmwareFile, PublishedPort, Share } from '@orlop/vm';
import { InvalidArgumentError } from 'commander';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** A whole number from 1. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError('a whole number, at least 1');
  return value;
}

/** Seconds, with a fraction or none. */
export function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)s?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('seconds, such as 10');
  return Number(match[1]);
}

/** `1024` are mebibytes, as LinuxKit has it; `512M`, `2G`. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([MG])?(?:i?B)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError('mebibytes, or a size such as 512M or 2G');
  const value = Number(match[1]) * (match[2]?.toUpperCase() === 'G' ? 1024 : 1);
  if (!Number.isInteger(value) || value < 16) throw new InvalidArgumentError('whole mebibytes, at least 16');
  return value;
}

/** A size in bytes; a bare number is gibibytes, as LinuxKit has it. */
export function parseDiskSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT])?(?:i?B)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError(`"${text}" is no size: say 1G or 100M`);
  const units: Readonly<Record<string, number>> = { K: 1024, M: MIB, G: GIB, T: 1024 * GIB };
  const bytes = Number(match[1]) * (units[match[2]?.toUpperCase() ?? 'G'] ?? GIB);
  if (bytes < 1) throw new InvalidArgumentError('a disk needs a size above 0');
  // qemu-img rounds up to sectors as well.
  return Math.ceil(bytes / 512) * 512;
}

/** A disk as the user wrote it: the path may be left to Orlop. */
export interface DiskOption {
  readonly path?: string;
  readonly sizeBytes?: number;
  readonly format?: DiskFormat;
}

const formats: readonly string[] = ['raw', 'qcow2', 'vmdk', 'vpc', 'vhdx', 'vdi'];

/** `[file=]PATH[,size=1G][,format=qcow2]`, repeatable. */
export function parseDisk(text: string, before: readonly DiskOption[] = []): DiskOption[] {
  let disk: DiskOption = {};
  for (const [index, part] of text.split(',').entries()) {
    const equals = part.indexOf('=');
    const key = equals < 0 ? (index === 0 ? 'file' : part) : part.slice(0, equals);
    const value = part.slice(equals + 1);
    if (value === '') throw new InvalidArgumentError(`"${part}" has no value`);
    if (key === 'file') disk = { ...disk, path: value };
    else if (key === 'size') disk = { ...disk, sizeBytes: parseDiskSize(value) };
    else if (key === 'format') disk = { ...disk, format: parseDiskFormat(value) };
    else throw new InvalidArgumentError(`unknown key "${key}": there are file, size and format`);
  }
  if (disk.path === undefined && disk.sizeBytes === undefined) {
    throw new InvalidArgumentError('a disk needs a path, a size, or both');
  }
  return [...before, disk];
}

function parseDiskFormat(text: string): DiskFormat {
  if (!formats.includes(text))
    throw new InvalidArgumentError(`unknown format "${text}": ${formats.join(', ')}`);
  return text as DiskFormat;
}

interface DiskPlaces {
  readonly cwd: string;
  readonly folder: string;
  /** Of disks with a size, whose name does not say their format. @default 'raw' */
  readonly madeAs?: DiskFormat;
}

/** Gives disks without a path a place in the machine's folder, and those without a format one by their name. */
export function placeDisks(
  disks: readonly DiskOption[],
  { cwd, folder, madeAs = 'raw' }: DiskPlaces,
): Disk[] {
  return disks.map((disk, index) => {
    const path = disk.path === undefined ? resolve(folder, `disk${index}.img`) : resolve(cwd, disk.path);
    const byName = extname(path) === '.qcow2' ? 'qcow2' : disk.sizeBytes === undefined ? 'raw' : madeAs;
    const format = disk.format ?? byName;
    return { path, format, ...(disk.sizeBytes === undefined ? {} : { sizeBytes: disk.sizeBytes }) };
  });
}

/** `[ADDRESS:]HOST:GUEST[/tcp|udp]`, repeatable. The address is loopback unless one is said. */
export function parsePublish(text: string, before: readonly PublishedPort[] = []): PublishedPort[] {
  const match = /^(?:(\[[^\]]*\]|[^:]*):)?(\d+):(\d+)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError('such as 8080:80, 127.0.0.1:5353:53/udp or 0.0.0.0:8080:80/tcp');
  }
  const hostAddress = (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, '');
  if (isIP(hostAddress) === 0) throw new InvalidArgumentError(`"${hostAddress}" is no address of this host`);
  const port: PublishedPort = {
    protocol: match[4] === 'udp' ? 'udp' : 'tcp',
    hostAddress,
    hostPort: parsePort(match[2] ?? ''),
    guestPort: parsePort(match[3] ?? ''),
  };
  const twice = before.find(
    (other) =>
      other.protocol === port.protocol &&
      other.hostAddress === port.hostAddress &&
      other.hostPort === port.hostPort,
  );
  if (twice !== undefined) {
    throw new InvalidArgumentError(
      `${port.hostAddress}:${port.hostPort}/${port.protocol} is published twice`,
    );
  }
  return [...before, port];
}

function parsePort(text: string): number {
  const port = Number(text);
  if (port < 1 || port > 65_535) throw new InvalidArgumentError(`${text} is no port: 1 to 65535`);
  return port;
}

/** `auto`, or accelerators by preference: `kvm`, `tcg`, `kvm:tcg`. */
export function parseAccelerators(text: string): readonly AcceleratorName[] | 'auto' {
  if (text === 'auto') return 'auto';
  const names = text.split(':');
  for (const name of names) {
    if (!['kvm', 'hvf', 'tcg'].includes(name)) {
      throw new InvalidArgumentError(
        `unknown accelerator "${name}": auto, kvm, hvf or tcg, or several as kvm:tcg`,
      );
    }
  }
  return names as AcceleratorName[];
}

/** `DIR` or `TAG=DIR`, repeatable; without a tag they are `virtiofs0`, `virtiofs1`, … as LinuxKit has it. */
export function parseShare(kind: Share['kind']): (text: string, before?: readonly Share[]) => Share[] {
  return (text, before = []) => {
    const match = /^(?:([\w.-]+)=)?(.+)$/.exec(text);
    if (match === null) throw new InvalidArgumentError('a folder, or TAG=FOLDER');
    const tag = match[1] ?? `${kind === '9p' ? '9p' : 'virtiofs'}${before.length}`;
    return [...before, { kind, tag, hostPath: match[2] ?? '' }];
  };
}

/** `NAME=FILE`, repeatable. */
export function parseFirmwareFile(text: string, before: readonly FirmwareFile[] = []): FirmwareFile[] {
  const match = /^([^=]+)=(.+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('NAME=FILE, such as opt/org.example/settings=a.json');
  return [...before, { name: match[1] ?? '', path: match[2] ?? '' }];
}
