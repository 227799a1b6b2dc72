/** What an engine does now; one union, each state with its reason. */
export type EngineState =
  | { readonly kind: 'stopped'; readonly at?: string; readonly reason: StopReason; readonly detail?: string }
  | { readonly kind: 'starting'; readonly since: string; readonly stages: readonly StageRecord[] }
  | {
      readonly kind: 'running';
      readonly since: string;
      readonly stages: readonly StageRecord[];
      /** Its machine does not answer, since then; absent while it does. */
      readonly silentSince?: string;
    }
  /** The idle saver has stopped the processors; the next request wakes them. */
  | { readonly kind: 'asleep'; readonly since: string; readonly stages: readonly StageRecord[] }
  /**
   * QEMU has stopped the processors, since the host's disk had no room for what the machine wrote to `path`; they go on when
   * there is room again. `freeBytes` is what there was at the last look.
   */
  | {
      readonly kind: 'stalled';
      readonly since: string;
      readonly path: string;
      readonly freeBytes: number;
      readonly stages: readonly StageRecord[];
    }
  /** Its memory is in a file and no process runs; the next request brings it back as it was. */
  | { readonly kind: 'suspended'; readonly since: string; readonly fileBytes: number }
  | { readonly kind: 'stopping'; readonly since: string }
  | {
      readonly kind: 'failed';
      readonly at: string;
      readonly error: ApiErrorBody;
      readonly stages: readonly StageRecord[];
    };

export type StopReason =
  | 'never-started'
  | 'asked' // by a command
  | 'saved' // by a command; the next start goes on where it was
  | 'powered-off' // the guest ended of itself
  | 'died' // its process went away, or its kernel gave up
  | 'cancelled'; // the start was given up

/** The steps of a start, in their order. */
export const STAGES = ['image', 'disk', 'network', 'machine', 'kernel', 'docker'] as const;
export type StageName = (typeof STAGES)[number];

export interface StageRecord {
  readonly name: StageName;
  readonly state: 'active' | 'done' | 'failed';
  /** What a start that hangs here waits for. */
  readonly waitsFor: string;
  readonly durationMs: number;
  /** How long it may take. */
  readonly limitMs: number;
  /** What was found, such as that the image is up to date. */
  readonly note?: string;
}

export interface EngineStatus {
  readonly name: string;
  readonly state: EngineState;
  /** `unix://…`, for DOCKER_HOST. */
  readonly dockerHost: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  /** What the host gives of it. */
  readonly diskUsedBytes: number;
  readonly accelerator?: string;
  readonly machine?: string;
  readonly pid?: number;
  readonly dockerVersion?: string;
  /** How containers are told of what the host does in shared folders; absent where nothing is shared, or none runs. */
  readonly shareEvents?: ShareEventsWay;
  /** Shared folders whose file server has ended; served again after a restart. Absent where all are served. */
  readonly lostShares?: readonly string[];
  readonly connections: number;
  readonly ports: readonly PortStatus[];
  /** Settings that were changed and have no effect before a restart. */
  readonly pendingRestart: readonly string[];
  /** Why the settings cannot be used as they are, each with its place; absent where they can. */
  readonly settingsProblems?: readonly string[];
}

/**
 * By the machine's kernel, as events of every kind; or by its agent, of contents and attributes only, for a reason: the
 * kernel lacks Orlop's module, or refused it.
 */
export type ShareEventsWay =
  | { readonly kind: 'kernel' }
  | { readonly kind: 'raise'; readonly reason: string };

/** What an engine takes of its host, now. */
export interface EngineUsage {
  /** Resident memory of the machine's process; absent while none runs. */
  readonly machineRssBytes?: number;
  /** What it holds of the memory that its guest may have, and how much that is; the rest is its own, translated code for instance. */
  readonly machineMemoryBytes?: number;
  readonly machineMemoryLimitBytes?: number;
  /** Processor time of the machine's process since its start. */
  readonly machineCpuMs?: number;
  /** Resident memory of the daemon, which serves every engine. */
  readonly daemonRssBytes: number;
  readonly daemonCpuMs: number;
  /** What the machine's system and its containers use; absent while it cannot be asked. */
  readonly guestUsedBytes?: number;
  readonly guestTotalBytes?: number;
  /** What its system remembers of files beyond what programs have mapped, and could give up. */
  readonly guestRememberedBytes?: number;
  /** The file system with images, containers and volumes, as the machine sees it; absent while it cannot be asked. */
  readonly dataBytes?: number;
  readonly dataFreeBytes?: number;
  /** How many files may still be made in it. */
  readonly dataFreeFiles?: number;
  readonly diskBytes: number;
  /** What the host gives of it. */
  readonly diskUsedBytes: number;
  /** The file that a suspended engine is in. */
  readonly savedBytes: number;
  readonly snapshotBytes: number;
}

/** What giving back unused blocks of the data disk brought. */
export interface DiskReclaim {
  /** What the host gave of the disk before and after. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** What the machine's file system said to be free, given back before or not. */
  readonly trimmedBytes: number;
}

/** One published port of a container on the host. */
export interface PortStatus {
  readonly protocol: 'tcp' | 'udp';
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly container: string;
  readonly containerPort: number;
  readonly state: 'open' | 'failed';
  /** Why it is not open, and who has it. */
  readonly problem?: string;
  readonly connections: number;
  readonly active: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A copy of an engine's data. */
export interface Snapshot {
  readonly name: string;
  readonly createdAt: string;
  readonly usedBytes: number;
}

/** A synchronised share of an engine. */
export interface SyncStatus {
  readonly id: string;
  readonly path: string;
  readonly mode: 'two-way' | 'one-way';
  /**
   * `idle`: the engine does not run; `waiting`: it will be tried again; `halted`: it goes on when somebody says so
   * (`problem` has why); `watching`: both sides are the same.
   */
  readonly state:
    | 'idle'
    | 'connecting'
    | 'scanning'
    | 'carrying'
    | 'watching'
    | 'paused'
    | 'halted'
    | 'waiting';
  readonly problem?: string;
  /** While it carries changes. */
  readonly progress?: { readonly done: number; readonly total: number };
  /** Files, links and folders, as far as they are known. */
  readonly hostEntries: number;
  readonly machineEntries: number;
  /** Changes carried to either side since the engine runs. */
  readonly carried: number;
  /** Versions that were set aside, by their paths. */
  readonly conflicts: readonly string[];
  /** What could not be carried, at most 100. */
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
  /** What is not kept in step though nothing excludes it, at most 100. */
  readonly skipped: readonly string[];
  readonly lastSyncAt?: string;
}

export interface DaemonStatus {
  readonly version: string;
  /** What it was built of; empty where that is not known, absent in daemons that cannot leave their engines to another. */
  readonly commit?: string;
  readonly pid: number;
  readonly startedAt: string;
  /** It stops its engines and ends; nothing can be asked of it but what it does. */
  readonly ending?: boolean;
  readonly engines: readonly EngineStatus[];
}

/** How every failure is told. */
export interface ApiErrorBody {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
  readonly hint?: string;
  readonly problems?: readonly { readonly message: string }[];
}

/** What `GET /v1/events` sends, one JSON text each. */
export type EngineEvent =
  | { readonly kind: 'state'; readonly engine: string; readonly at: string; readonly state: EngineState }
  | { readonly kind: 'stage'; readonly engine: string; readonly at: string; readonly stage: StageRecord }
  | {
      readonly kind: 'progress';
      readonly engine: string;
      readonly task: string;
      readonly done: number;
      readonly total?: number;
      readonly unit: 'bytes' | 'items';
      readonly finished?: boolean;
    }
  | {
      readonly kind: 'port';
      readonly engine: string;
      readonly at: string;
      readonly change: 'open' | 'closed' | 'failed';
      readonly port: PortStatus;
    }
  | { readonly kind: 'log'; readonly level: string; readonly line: string };
