import { rm } from 'node:fs/promises';
import type { DiskReclaim, EngineEvent, EngineStatus, EngineUsage, PortStatus, Snapshot } from '@orlop/api';
import { formatProblem } from '@orlop/core';
import { removeMachineFolder } from '@orlop/vm';
import type { HostSide } from '../docker/asked-ports.ts';
import { changedSettings, type LayeredSettings } from '../settings/layered-settings.ts';
import { inspectSettings } from '../settings/load-settings.ts';
import { settingOf } from '../settings/schema.ts';
import { EngineSyncs } from '../sync/engine-syncs.ts';
import { assertNoShrink, diskUsage } from './data-disk.ts';
import { EngineLife } from './engine-life.ts';
import { readRecord } from './engine-record.ts';
import type { EngineSurroundings } from './engine-surroundings.ts';
import { engineUsage } from './engine-usage.ts';
import { type InstancePaths, instancePaths } from './instance-paths.ts';
import { copyLiveDisk, reclaimLiveDisk } from './live-disk.ts';
import { Snapshots } from './snapshots.ts';

export interface InstanceOptions {
  readonly name: string;
  readonly around: EngineSurroundings;
  readonly emit: (event: EngineEvent) => void;
  /** The container of another engine that has a port of the host. */
  readonly publisherOf: (side: HostSide) => string | undefined;
}

/** One engine: its life, its data, and what is told of it. */
export class EngineInstance {
  readonly name: string;
  readonly paths: InstancePaths;
  readonly syncs: EngineSyncs;
  readonly life: EngineLife;
  readonly #around: EngineSurroundings;
  readonly #snapshots: Snapshots;

  /** @throws OrlopError `engine.bad-name` */
  constructor({ name, around, emit, publisherOf }: InstanceOptions) {
    this.name = name;
    this.#around = around;
    this.paths = instancePaths(around.home, name);
    this.#snapshots = new Snapshots(this.paths);
    this.syncs = new EngineSyncs({ paths: this.paths, around });
    this.life = new EngineLife({
      ...{ name, around, emit, publisherOf },
      paths: this.paths,
      syncs: this.syncs,
    });
  }

  /** Removes the machine, and with `keepData` false everything that containers have left. */
  async reset({ keepData }: { readonly keepData: boolean }): Promise<void> {
    // A start that is asked for meanwhile waits until nothing is left.
    await this.life.stop({ after: () => this.#removeAll({ keepData }) });
  }

  async #removeAll({ keepData }: { readonly keepData: boolean }): Promise<void> {
    await removeMachineFolder(this.paths.machine);
    const { guestConfiguration, record, leases, cable, dataDisk } = this.paths;
    for (const path of [guestConfiguration, record, leases, cable]) await rm(path, { force: true });
    if (!keepData) await rm(dataDisk, { force: true });
    await this.life.forget();
  }

  /** Copies the data; an engine that runs goes on, one that rests goes on resting. @throws OrlopError `engine.snapshot-exists`, … */
  async createSnapshot(name: string, signal?: AbortSignal): Promise<Snapshot> {
    this.life.assertSettled();
    if (this.life.running === undefined) {
      return this.life.whileAtRest(() => this.#snapshots.create(name, { ...(signal && { signal }) }));
    }
    await this.life.wake();
    const { live } = this.life.requireRunning();
    const copy = (to: string) => copyLiveDisk(live, to, { ...this.#around, ...(signal && { signal }) });
    return this.#snapshots.create(name, { copy });
  }

  /**
   * Puts the data back. An engine that runs, or would be back with a request, is stopped for it and runs again after, whatever
   * came of it. What was saved of its memory is of other data, and goes.
   *
   * @throws OrlopError `engine.unknown-snapshot`, `engine.disk-shrink` of a snapshot that is larger than the disk may be; nothing
   *   was stopped then
   */
  async restoreSnapshot(name: string, signal?: AbortSignal): Promise<void> {
    this.life.assertSettled();
    const file = await this.#snapshots.require(name);
    const wasThere = this.life.active;
    const { flags } = await readRecord(this.paths);
    // No start takes a disk that is larger than the setting: better said before the data are gone that are there.
    const { settings } = await inspectSettings(this.paths, flags);
    await assertNoShrink(file, settings.number('disk'), { what: `the disk of the snapshot "${name}"` });
    try {
      await this.life.stop({
        after: async () => {
          await this.#snapshots.restore(name, signal);
          await this.life.dropSaved();
        },
      });
    } finally {
      if (wasThere) await this.life.start(flags);
    }
  }

  /** @throws OrlopError `engine.agent-failed` */
  async reclaimDisk(): Promise<DiskReclaim> {
    await this.life.wake();
    return reclaimLiveDisk(this.life.requireRunning().live, this.paths.dataDisk);
  }

  async usage(): Promise<EngineUsage> {
    const live = this.life.running?.live;
    const machine = await live?.machine.state();
    const saved = await (await this.life.openMachine())?.saved();
    return engineUsage({
      paths: this.paths,
      ...(live !== undefined &&
        machine?.kind === 'running' && {
          machine: { pid: machine.process.pid, memoryBytes: live.machine.spec.memoryMiB * 2 ** 20 },
        }),
      ...(live !== undefined && this.life.state.kind === 'running' && { agent: live.agent }),
      savedBytes: saved?.sizeBytes ?? 0,
    });
  }

  listSnapshots(): Promise<Snapshot[]> {
    return this.#snapshots.list();
  }

  removeSnapshot(name: string): Promise<void> {
    return this.#snapshots.remove(name);
  }

  ports(): PortStatus[] {
    return this.life.running?.forwards.list() ?? [];
  }

  async status(): Promise<EngineStatus> {
    const live = this.life.running?.live;
    const shareEvents = this.life.running?.events.way;
    const lostShares = this.life.running?.live.shares.lost ?? [];
    const { settings: wanted, problems } = await inspectSettings(this.paths);
    if (problems.length === 0) {
      // `orlop config set` asks for the status: what it changed holds then.
      await this.syncs.reload(wanted);
      if (this.life.state.kind === 'running') await this.life.running?.registries.apply(wanted);
    }
    const settings = live?.settings ?? wanted;
    const machine = await live?.machine.state();
    const disk = await diskUsage(this.paths.dataDisk);
    return {
      name: this.name,
      state: this.life.state,
      dockerHost: `unix://${this.paths.dockerSocket}`,
      cpus: settings.number('cpus'),
      memoryMiB: Math.floor(settings.number('memory') / 2 ** 20),
      diskBytes: disk.sizeBytes || settings.number('disk'),
      diskUsedBytes: disk.usedBytes,
      machine: this.paths.machineName,
      ...(machine?.kind === 'running' && { pid: machine.process.pid, accelerator: machine.accelerator }),
      ...(live?.dockerVersion !== undefined && { dockerVersion: live.dockerVersion }),
      ...(shareEvents !== undefined && { shareEvents }),
      ...(lostShares.length > 0 && { lostShares }),
      connections: this.life.connections,
      ports: this.ports(),
      pendingRestart: live === undefined || problems.length > 0 ? [] : pendingRestart(live.settings, wanted),
      ...(problems.length > 0 && { settingsProblems: problems.map(formatProblem) }),
    };
  }
}

/** Flags of a start are no change: they hold until the next one. */
function pendingRestart(running: LayeredSettings, wanted: LayeredSettings): string[] {
  return changedSettings(running, wanted).filter(
    (name) => settingOf(name).effect !== 'now' && running.find(name).layer !== 'flag',
  );
}
