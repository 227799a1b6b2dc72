import { join, resolve } from 'node:path';
import type { AcceleratorName, DiskFormat, FirmwareFile, MachineSpec, PublishedPort, Share } from '@orlop/vm';
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { readNamedFile } from '../read-whole.ts';
import { each } from './each.ts';
import { readArchitecture } from './read-architecture.ts';
import { findImage } from './run-image.ts';
import { networkProviders } from './run-network.ts';
import {
  type DiskOption,
  parseAccelerators,
  parseCount,
  parseDisk,
  parseFirmwareFile,
  parseMemory,
  parsePublish,
  parseShare,
  placeDisks,
} from './run-options.ts';
import { placeMachine } from './run-place.ts';

interface RunOptions {
  readonly name?: string;
  readonly cpus: number;
  readonly mem: number;
  readonly disk?: readonly DiskOption[];
  readonly publish?: readonly PublishedPort[];
  readonly networking: string;
  readonly network?: string;
  readonly state?: string;
  readonly data?: string;
  readonly dataFile?: string;
  readonly firmwareFile?: readonly FirmwareFile[];
  readonly accel: readonly AcceleratorName[] | 'auto';
  readonly arch?: string;
  readonly detached?: boolean;
  readonly rm?: boolean;
  readonly kernel?: boolean;
  readonly squashfs?: boolean;
  readonly iso?: boolean;
  readonly uefi?: boolean;
  readonly fw?: string;
  readonly usb?: boolean;
  readonly device?: readonly string[];
  readonly gui?: boolean;
  readonly display?: string;
  readonly qemu?: string;
  readonly virtiofsd?: string;
  readonly virtiofs?: readonly Share[];
  readonly share9p?: readonly Share[];
}

/** What a run does that is not told otherwise; it differs with the name that the program was started by. */
export interface RunDefaults {
  readonly networking: string;
  /** Of disks that are made, and whose name does not say it. */
  readonly diskFormat: DiskFormat;
  /** The machine keeps what it has in `PATH-state`, not under its name in the state folder. */
  readonly stateBesideImage: boolean;
}

const ownDefaults: RunDefaults = { networking: 'vnet', diskFormat: 'raw', stateBesideImage: false };

export function registerRun(
  program: Command,
  context: CommandContext,
  defaults: RunDefaults = ownDefaults,
): void {
  const command = program
    .command('run')
    .description('boot an image in a virtual machine and show its console')
    .usage('[options] [qemu] <path>')
    .argument(
      '<path...>',
      'what `orlop build` made: NAME for NAME-kernel and what is beside it, or an .iso or disk image',
    );
  addMachineOptions(command, context, defaults);
  addLifeOptions(command);
  addDeviceOptions(command);
  command
    .addHelpText(
      'after',
      '\nThe console of an attached machine takes every key; Ctrl-] then\nd detaches, q powers off, k kills, ? helps.',
    )
    .action((words: readonly string[], options: RunOptions) =>
      runImage(readPath(words), { context, options, defaults }),
    );
}

/** What the machine is, and what it keeps and is told. */
function addMachineOptions(command: Command, { env }: CommandContext, defaults: RunDefaults): void {
  command
    .option('--name <name>', 'name of the machine (default: the name of the image)')
    .option('--cpus <n>', 'number of processors', parseCount, 1)
    .option('--mem <size>', 'memory: mebibytes, or such as 512M or 2G', parseMemory, 1024)
    .option('--disk <disk>', '[file=]PATH[,size=1G][,format=qcow2], made when missing; repeatable', parseDisk)
    .option(
      '--publish <port>',
      '[ADDRESS:]HOST:GUEST[/tcp|udp], on loopback unless said; repeatable',
      parsePublish,
    )
    .option(
      '--networking <kind>',
      `one of: ${networkProviders.map((provider) => provider.kind).join(', ')} (tap,DEVICE and bridge,BRIDGE)`,
      defaults.networking,
    )
    .addOption(
      new Option('--network <name>', 'the virtual network to join: --networking vnet,NAME').conflicts(
        'networking',
      ),
    )
    .option(
      '--state <dir>',
      `folder for what the machine keeps (default: ${defaults.stateBesideImage ? 'PATH-state' : 'one under ~/.orlop/machines'})`,
    )
    .addOption(
      new Option(
        '--data <text>',
        'metadata for the guest: file /config of a CD-ROM, and user data at http://169.254.169.254',
      ).conflicts('dataFile'),
    )
    .option('--data-file <file>', 'metadata for the guest, from a file')
    .option(
      '--firmware-file <file>',
      'NAME=FILE for the guest in /sys/firmware/qemu_fw_cfg, NAME such as opt/orlop/engine; repeatable',
      parseFirmwareFile,
    )
    .addOption(
      new Option('--accel <name>', 'auto, kvm, hvf or tcg, or several by preference as kvm:tcg')
        .argParser(parseAccelerators)
        .default(parseAccelerators(env['LINUXKIT_QEMU_ACCEL'] ?? 'auto'), 'auto'),
    )
    .option('--arch <arch>', "architecture of the image: amd64, arm64 or riscv64 (default: this host's)");
}

/** How long it lives, and what it boots. */
function addLifeOptions(command: Command): void {
  command
    .option('-d, --detached', 'leave the machine running and return')
    .option('--rm', 'remove the machine and what it keeps when it has ended')
    .option('--kernel', 'PATH-kernel with PATH-initrd.img')
    .option('--squashfs', 'PATH-kernel with PATH-squashfs.img')
    .option('--iso', 'PATH is a CD-ROM image')
    .option('--uefi', 'boot through UEFI firmware')
    .option('--fw <file>', 'UEFI firmware to use (implies --uefi)');
}

function addDeviceOptions(command: Command): void {
  command
    .option('--usb', 'add a USB controller')
    .option('--device <device>', "a device in QEMU's words, after --usb for instance; repeatable", each)
    .option('--gui', "show the machine's screen in a window")
    .option('--display <display>', "show it so, in QEMU's words: vnc=127.0.0.1:1, or vnc=unix:PATH")
    .option(
      '--virtiofs <dir>',
      '[TAG=]DIR shared by virtiofsd, with tags virtiofs0, …; repeatable',
      parseShare('virtiofs'),
    )
    .option('--share-9p <dir>', '[TAG=]DIR shared by 9p, with tags 9p0, …; repeatable', parseShare('9p'))
    .option('--qemu <file>', "QEMU's program (default: the one for the architecture in PATH)")
    .option('--virtiofsd <file>', "virtiofsd's program (default: the one that is found)");
}

/** LinuxKit's, besides QEMU. */
const OTHER_BACKENDS: ReadonlySet<string> = new Set([
  ...['aws', 'azure', 'equinixmetal', 'gcp', 'hyperkit', 'hyperv', 'openstack', 'packet', 'scaleway'],
  ...['vbox', 'vcenter', 'virtualization', 'vmware'],
]);

/** LinuxKit names a backend before the path; QEMU is the one that there is. */
function readPath(words: readonly string[]): string {
  const [first, second] = words;
  if (words.length === 1 && first !== undefined) return first;
  if (words.length === 2 && first === 'qemu' && second !== undefined) return second;
  if (first !== undefined && OTHER_BACKENDS.has(first)) {
    throw cliError('run.bad-arguments', `there is no backend ${first}: QEMU is the only one`, {
      hint: 'the formats of `build` are those that clouds and hypervisors take by their own tools',
    });
  }
  throw cliError('run.bad-arguments', `expected a path, got "${words.join(' ')}"`, {
    hint: 'orlop run [options] [qemu] PATH; qemu is the only backend',
  });
}

async function runImage(
  path: string,
  {
    context,
    options,
    defaults,
  }: { context: CommandContext; options: RunOptions; readonly defaults: RunDefaults },
): Promise<void> {
  const { Machines } = await import('./run-machines.ts');
  const { prepareDisks } = await import('./run-disks.ts');
  const { startRecorded } = await import('./run-start.ts');
  const machines = new Machines(context, {
    ...(options.qemu === undefined ? {} : { qemu: options.qemu }),
    ...(options.virtiofsd === undefined ? {} : { virtiofsd: options.virtiofsd }),
  });
  const arch = readArchitecture(options.arch);
  const imagePath = resolve(context.cwd, path);
  const image = await findImage(imagePath, {
    kernel: options.kernel === true,
    squashfs: options.squashfs === true,
    iso: options.iso === true,
    uefi: options.uefi === true || options.fw !== undefined,
  });
  const { name, folder } = await placeMachine(imagePath, {
    ...{ machines, name: options.name, state: options.state },
    beside: defaults.stateBesideImage,
  });
  const userData = await readUserData({ context, options });
  const cdroms = userData === undefined ? [] : [await writeMetadata(folder, userData)];
  const disks = placeDisks(options.disk ?? [], { cwd: context.cwd, folder, madeAs: defaults.diskFormat });
  await prepareDisks(disks, context);
  const spec: MachineSpec = {
    ...{ name, arch, cdroms, disks },
    boot: image.boot,
    ...(image.uefi && { firmware: firmwareOf(options, context) }),
    ...hardwareOf(options, context),
  };
  await startRecorded(spec, {
    context,
    machines,
    folder,
    record: {
      networking: networkingOf(options),
      accel: options.accel,
      publish: options.publish ?? [],
      ...(userData === undefined ? {} : { userData: userData.toString('base64') }),
    },
    detached: options.detached === true,
    remove: options.rm === true,
  });
}

function firmwareOf({ fw }: RunOptions, { cwd }: CommandContext): NonNullable<MachineSpec['firmware']> {
  return { kind: 'uefi', ...(fw === undefined ? {} : { codePath: resolve(cwd, fw) }) };
}

/** What the options alone say of a machine; its networks are joined at each start. */
function hardwareOf(
  options: RunOptions,
  { cwd }: CommandContext,
): Omit<MachineSpec, 'name' | 'arch' | 'boot' | 'firmware' | 'disks' | 'cdroms'> {
  const shares = [...(options.virtiofs ?? []), ...(options.share9p ?? [])];
  const files = options.firmwareFile?.map(({ name, path }) => ({ name, path: resolve(cwd, path) }));
  const hasWindow = options.gui === true || options.display !== undefined;
  const isPassedThrough = options.usb === true || options.device !== undefined;
  return {
    cpus: options.cpus,
    memoryMiB: options.mem,
    networks: [],
    channels: [],
    shares: shares.map((share) => ({ ...share, hostPath: resolve(cwd, share.hostPath) })),
    ...(files !== undefined && { firmwareFiles: files }),
    ...(hasWindow && { display: 'window' as const }),
    ...(options.display !== undefined && { screen: options.display }),
    ...(isPassedThrough && {
      passthrough: { usb: options.usb === true, devices: options.device ?? [] },
    }),
  };
}

/** What `--data` or `--data-file` gives the machine. */
async function readUserData({
  context,
  options,
}: {
  readonly context: CommandContext;
  readonly options: RunOptions;
}): Promise<Buffer | undefined> {
  if (options.data !== undefined) return Buffer.from(options.data);
  if (options.dataFile === undefined) return undefined;
  return await readNamedFile(resolve(context.cwd, options.dataFile)).catch((cause: Error) => {
    throw cliError('run.no-data', `cannot read --data-file "${options.dataFile}"`, {
      cause,
    });
  });
}

/** For machines without a network, or whose image looks for a disc first. */
async function writeMetadata(folder: string, userData: Uint8Array): Promise<string> {
  const { encodeMetadataIso, machineFiles, replaceFile } = await import('@orlop/vm');
  const path = join(folder, machineFiles.metadata);
  await replaceFile(path, encodeMetadataIso(userData));
  return path;
}

function networkingOf({ network, networking }: RunOptions): string {
  return network === undefined ? networking : `vnet,${network}`;
}
