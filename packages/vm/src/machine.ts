import type { Duplex } from 'node:stream';
import type { Clock, Logger, Random } from '@orlop/core';
import type { MachineSpec } from './machine-spec.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** Accelerators by QEMU's names; other drivers have one of their own. */
export type AcceleratorName = 'kvm' | 'hvf' | 'tcg';

/** Where a machine is in its life; `state.json` holds one of these. */
export type MachineState =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'starting';
      readonly at: string;
      /** From when there is one; whoever starts the machine next ends what an interrupted start has left. */
      readonly process?: ProcessIdentity;
    }
  | {
      readonly kind: 'running';
      readonly at: string;
      readonly process: ProcessIdentity;
      readonly accelerator: AcceleratorName;
    }
  | { readonly kind: 'stopped'; readonly at: string; readonly reason: StopReason; readonly detail?: string };

export type StopReason =
  | 'powered-off' // the guest ended, of itself or after a request to power down
  | 'killed' // Orlop ended the process
  | 'saved' // its memory is in a file
  | 'start-failed'
  | 'died' // the process went away without ending properly
  | 'host-restarted';

/** One machine, running or not, of whatever driver. */
export interface Machine {
  readonly spec: MachineSpec;
  /** Holds everything that belongs to the machine; see {@link MachineFolder}. */
  readonly folder: string;
  readonly console: MachineConsole;
  /** The state now: a process that went away unnoticed is found here, and written down. */
  state(): Promise<MachineState>;
  /** Lets a machine run that was started paused, or paused since. What {@link save} left is used up by this. */
  resume(): Promise<void>;
  /** Tells what becomes of the processors, whoever does it; until aborted or the machine ends. */
  watchProcessors(watch: ProcessorWatch): Promise<void>;
  /** Whether they stand still since the host had no room for what the guest wrote; {@link resume} tries it again. */
  standsStill(): Promise<boolean>;
  /** Folders of the host whose virtiofs shares nobody serves: their server has ended, or they were unplugged. */
  lostShares(): Promise<readonly string[]>;
  /** Those whose path leads to another folder by now: what is served is the one that was moved away, or removed. */
  replacedShares(): Promise<readonly string[]>;
  /** Those whose server will soon have no file to open left: it keeps open what the guest remembers. */
  crowdedShares(): Promise<readonly string[]>;
  /**
   * Takes a virtiofs share away from the guest, which must run for that; with it goes its server. Harmless when it is away.
   * @throws OrlopError `vm.cancelled` when the guest has not let go of it before the signal; it may still do so
   */
  unplugShare(hostPath: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Gives the guest a virtiofs share that is away, with a new server. @throws OrlopError `vm.no-share`, `vm.start-failed` */
  plugShare(hostPath: string): Promise<void>;
  /** Stops the processors; memory and devices stay as they are. */
  pause(): Promise<void>;
  /** Resolves with the stopped state. @throws OrlopError `vm.cancelled` */
  waitForExit(options?: { signal?: AbortSignal }): Promise<StoppedState>;
  /** Asks the guest to end, as its power button does; resolves when asked. */
  powerDown(): Promise<void>;
  /** Ends the machine whatever its guest does; resolves when the process is gone. Harmless when stopped. */
  kill(): Promise<StoppedState>;
  /** Ends the process at once, for an exit handler, which cannot wait. Only where this process started the machine. */
  killNow(): void;
  /** Lets a machine that was started with {@link StartOptions.bound} outlive this process. */
  release(): void;
  /**
   * Writes memory and devices into the machine's folder and ends its process: {@link StartOptions.fromSaved} goes on from
   * there, as long as nothing that the machine is made of has changed. A machine that cannot be saved runs on. One with virtiofs
   * shares is saved once they are unplugged.
   *
   * @throws OrlopError `vm.save-refused` (with what in the machine cannot be saved), `vm.save-failed`
   */
  save(options?: { signal?: AbortSignal }): Promise<SavedState>;
  /**
   * Begins to copy a disk, as it is now, into a qcow2 file that is not there yet. The machine goes on, and so may its guest's
   * file system as soon as this resolves.
   *
   * @throws OrlopError `vm.bad-spec`, `vm.qmp-failed`
   */
  backupDisk(index: number, path: string): Promise<DiskBackup>;
  /** What {@link save} left, if it is there. */
  saved(): Promise<SavedState | undefined>;
  /** Forgets what {@link save} left. */
  discardSaved(): Promise<void>;
  /** {@link powerDown}, again and again, and {@link kill} when the guest has not ended within `graceMs`. */
  stop(options: { graceMs: number; signal?: AbortSignal }): Promise<StoppedState>;
}

export interface ProcessorWatch {
  readonly signal: AbortSignal;
  /** They run again. */
  readonly onResume: () => void;
  /** They stand still, since the host had no room for what the guest wrote; {@link Machine.resume} tries it again. */
  readonly onDiskFull: () => void;
}

export type StoppedState = Extract<MachineState, { kind: 'stopped' }>;

/** A copy of a disk that is being made. */
export interface DiskBackup {
  /** Resolves when it is whole; must be called. @throws OrlopError `vm.disk-failed`, `vm.cancelled` */
  finish(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** A machine's memory and devices in a file. */
export interface SavedState {
  /** What the file takes on the host. */
  readonly sizeBytes: number;
  readonly savedAt: string;
}

export interface MachineConsole {
  /** Everything that the guest said since the machine was started, whoever listened. */
  readonly logPath: string;
  /** The live console, for one holder at a time. @throws OrlopError `vm.console-busy` */
  open(): Promise<Duplex>;
}

export interface StartOptions {
  /** The machine's own folder, made when missing (0700). */
  readonly folder: string;
  readonly accelerator: AcceleratorName;
  /** Starts with the processor stopped until {@link Machine.resume}. @default false */
  readonly paused?: boolean;
  /** Ends the machine when this process is gone, even by SIGKILL, unless it is released. @default false */
  readonly bound?: boolean;
  /**
   * Goes on where {@link Machine.save} left off: the machine is paused until {@link Machine.resume}, and until then the saved
   * state stays, so a start that is given up costs nothing. One that is damaged is removed. Its virtiofs shares are away, as
   * they were when it was saved. @default false
   *
   * @throws OrlopError `vm.not-saved`, `vm.save-stale`, `vm.save-damaged`; nothing of the machine's disks has changed then
   */
  readonly fromSaved?: boolean;
  /** Aborting ends a start that is under way and leaves no process. */
  readonly signal?: AbortSignal;
}

/** What a driver is given once. */
export interface DriverDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where programs are looked for, as in `PATH`. */
  readonly searchPath: string;
  /** Programs to use in place of those that are found. */
  readonly programs?: { readonly qemu?: string; readonly virtiofsd?: string };
}

/** A way to run machines. */
export interface Driver {
  readonly name: string;
  start(spec: MachineSpec, options: StartOptions): Promise<Machine>;
  /** A machine that was started before, by this process or another. @throws OrlopError `vm.not-found` */
  open(folder: string): Promise<Machine>;
}
