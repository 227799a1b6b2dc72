import type { Architecture } from '@orlop/core';
import { vmError } from './errors.ts';

/** What a machine is, in no driver's words. Paths are absolute; whoever starts a machine has resolved them. */
export interface MachineSpec {
  /** `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 63 characters; also the name of its state folder. */
  readonly name: string;
  readonly arch: Architecture;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly boot: Boot;
  /** @default { kind: 'bios' } on amd64, { kind: 'uefi' } elsewhere unless a kernel is given */
  readonly firmware?: Firmware;
  /** In the order in which the guest sees them: the first is its `/dev/vda` unless `boot` is a disk. */
  readonly disks: readonly Disk[];
  /** ISO 9660 images in drives of their own, metadata for instance. */
  readonly cdroms: readonly string[];
  readonly networks: readonly NetworkAttachment[];
  readonly channels: readonly Channel[];
  readonly shares: readonly Share[];
  /** Files that the guest's first programs find, secrets among them. @default [] */
  readonly firmwareFiles?: readonly FirmwareFile[];
  /** @default 'none' */
  readonly display?: 'none' | 'window';
  /** Where the screen of a `window` is shown, in the driver's own words. @default a window of the desktop */
  readonly screen?: string;
  readonly passthrough?: Passthrough;
}

export type Boot =
  | {
      readonly kind: 'kernel';
      readonly kernelPath: string;
      readonly initrdPath?: string;
      readonly cmdline: string;
      /** A root file system, attached read-only as the first disk (`/dev/vda`). */
      readonly rootPath?: string;
    }
  | { readonly kind: 'disk'; readonly path: string; readonly format: DiskFormat }
  | { readonly kind: 'iso'; readonly path: string };

export type Firmware =
  | { readonly kind: 'bios' }
  /** Without a path, the firmware that the host has for the architecture. */
  | { readonly kind: 'uefi'; readonly codePath?: string };

export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vpc' | 'vhdx' | 'vdi';

export interface Disk {
  readonly path: string;
  readonly format: DiskFormat;
  /** Makes the file with this size when it does not exist. */
  readonly sizeBytes?: number;
  /** @default false */
  readonly readOnly?: boolean;
}

export type NetworkAttachment =
  /** The driver's own user-mode network: a way out, and published ports. */
  | { readonly kind: 'user'; readonly publish: readonly PublishedPort[]; readonly mac?: string }
  /** Ethernet frames over a stream socket on which somebody listens already (a virtual network). */
  | {
      readonly kind: 'stream';
      readonly socketPath: string;
      readonly mac?: string;
      readonly mtu?: number;
      /** The machine listens instead, so that whoever has the other end may go and come back. @default false */
      readonly listen?: boolean;
    }
  | { readonly kind: 'tap'; readonly device: string; readonly mac?: string }
  | { readonly kind: 'bridge'; readonly bridge: string; readonly mac?: string };

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** The host's own address; loopback unless the user asks for more. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A byte stream into the guest (virtio-serial port `name`); the driver listens on `socketPath`. */
export interface Channel {
  readonly name: string;
  readonly socketPath: string;
}

/** A host folder that the guest mounts by `tag`. */
export interface Share {
  readonly kind: 'virtiofs' | '9p';
  readonly tag: string;
  readonly hostPath: string;
  /** Refused by the host's side, whatever the guest does. @default false */
  readonly readOnly?: boolean;
}

/**
 * A file that the machine's firmware device hands to the guest, read when the machine starts. Linux shows it as
 * `/sys/firmware/qemu_fw_cfg/by_name/NAME/raw`, for root alone; containers do not see it unless they are privileged.
 */
export interface FirmwareFile {
  /** At most 55 characters, under `opt/` and the name of an organisation (QEMU's docs/specs/fw_cfg.rst). */
  readonly name: string;
  readonly path: string;
}

/** What is handed to the driver in its own words, for `--usb` and `--device`. */
export interface Passthrough {
  readonly usb: boolean;
  readonly devices: readonly string[];
}

const FIRMWARE_NAME = /^opt\/[\w.-]+(?:\/[\w.-]+)+$/;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/** What names a machine, and so its folder: never a path. */
export function isMachineName(name: string): boolean {
  return NAME.test(name);
}

/** A board has slots for so many, beside its other devices. */
export const MAX_SHARES = 104;

/** @throws OrlopError `vm.bad-spec` with everything that is wrong */
export function checkSpec(spec: MachineSpec): void {
  const problems: string[] = [];
  if (!isMachineName(spec.name)) {
    problems.push(`name "${spec.name}": letters, digits, "_", "." and "-", at most 63, and no sign first`);
  }
  if (!Number.isInteger(spec.cpus) || spec.cpus < 1 || spec.cpus > 255) {
    problems.push(`cpus ${spec.cpus}: a whole number from 1 to 255`);
  }
  if (!Number.isInteger(spec.memoryMiB) || spec.memoryMiB < 16) {
    problems.push(`memory ${spec.memoryMiB} MiB: a whole number, at least 16`);
  }
  if (spec.shares.length > MAX_SHARES)
    problems.push(`${spec.shares.length} shares: ${MAX_SHARES} at most; share a folder that they lie in`);
  const tags = spec.shares.map((share) => share.tag);
  for (const tag of new Set(tags)) {
    // The virtio-fs device has room for 36 bytes (virtio 1.2 §5.11.4).
    if (Buffer.byteLength(tag) > 36 || tag === '') problems.push(`share tag "${tag}": from 1 to 36 bytes`);
    if (tags.indexOf(tag) !== tags.lastIndexOf(tag)) problems.push(`share tag "${tag}" is used twice`);
  }
  for (const { name } of spec.firmwareFiles ?? []) {
    if (!FIRMWARE_NAME.test(name) || name.length > 55) {
      problems.push(`firmware file "${name}": such as opt/org.example/name, at most 55 characters`);
    }
  }
  if (problems.length === 0) return;
  throw vmError('vm.bad-spec', `machine "${spec.name}" cannot be`, {
    problems: problems.map((message) => ({ message })),
  });
}
