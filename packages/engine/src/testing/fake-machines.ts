import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import {
  type Driver,
  identifyProcess,
  type Machine,
  type MachineSpec,
  type MachineState,
  type ProcessIdentity,
  type SavedState,
  type StartOptions,
  type StoppedState,
  vmError,
} from '@orlop/vm';
import { byteDuplex, type JoinedNetwork, joinNetwork } from '@orlop/vnet';
import { DOCKER_PORT } from '../instance/guest-configuration.ts';
import { ensureCredentials } from '../tls/instance-authority.ts';
import { dial, type FakeDockerd, startFakeDockerd } from './fake-dockerd.ts';

/** What a machine can be held up in. */
export type Operation = 'start' | 'resume' | 'pause' | 'save' | 'powerDown';

export interface Hold {
  /** Resolves when a machine has come to the operation; it waits there. */
  readonly reached: Promise<void>;
  release(): void;
}

/** The address that an engine of the default subnet gives its machine. */
const GUEST = { addresses: ['192.168.127.2/24'], gateways: ['192.168.127.1'], mtu: 65_520 };
const AT = new Date(0).toISOString();

/**
 * Machines without QEMU: the cable, TCP/IP and TLS are real, the guest is a program that plugs in and answers as dockerd does.
 * Each operation can be held up, so that commands meet where they are to.
 */
export class FakeDriver implements Driver {
  readonly name = 'fake';
  readonly machines = new Map<string, FakeMachine>();
  readonly #holds = new Map<Operation, { reach: () => void; readonly released: Promise<void> }>();

  /** Holds up the next machine that comes to it. */
  hold(operation: Operation): Hold {
    let reach = () => {};
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#holds.set(operation, { reach, released });
    return { reached, release };
  }

  async pass(operation: Operation, signal?: AbortSignal): Promise<void> {
    const held = this.#holds.get(operation);
    if (held === undefined) return;
    this.#holds.delete(operation);
    held.reach();
    const aborted = new Promise<void>((resolve) =>
      signal?.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([held.released, aborted]);
    signal?.throwIfAborted();
  }

  async start(spec: MachineSpec, options: StartOptions): Promise<Machine> {
    await this.pass('start', options.signal);
    const machine = this.machines.get(options.folder) ?? new FakeMachine(spec, options.folder, this);
    this.machines.set(options.folder, machine);
    await machine.begin(options.fromSaved === true);
    return machine;
  }

  async open(folder: string): Promise<Machine> {
    const machine = this.machines.get(folder);
    if (machine !== undefined) return machine;
    throw vmError('vm.not-found', `there is no machine in "${folder}"`);
  }
}

/** One machine; its guest lives in this process. */
export class FakeMachine implements Machine {
  readonly spec: MachineSpec;
  readonly folder: string;
  readonly console: Machine['console'];
  readonly #driver: FakeDriver;
  #state: MachineState = { kind: 'created' };
  #saved: SavedState | undefined;
  #guest: { close(): Promise<void> } | undefined;
  #process: ProcessIdentity | undefined;
  #ended: ((state: StoppedState) => void)[] = [];
  /** Whether its processors stand still. */
  isPaused = false;
  starts = 0;

  constructor(spec: MachineSpec, folder: string, driver: FakeDriver) {
    this.spec = spec;
    this.folder = folder;
    this.#driver = driver;
    const logPath = join(folder, 'console.log');
    this.console = { logPath, open: () => Promise.reject(new Error('it has no console')) };
  }

  async begin(isPaused: boolean): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(this.console.logPath, '');
    this.#process ??= await identifyProcess(process.pid);
    if (this.#process === undefined) throw new Error('this process is not found');
    this.#guest = await plugGuest(this.spec, () => this.isPaused);
    this.isPaused = isPaused;
    this.starts++;
    this.#state = { kind: 'running', at: AT, process: this.#process, accelerator: 'tcg' };
  }

  async state(): Promise<MachineState> {
    return this.#state;
  }

  async resume(): Promise<void> {
    await this.#driver.pass('resume');
    this.#requireRunning();
    this.isPaused = false;
    this.#saved = undefined;
  }

  async pause(): Promise<void> {
    this.#requireRunning();
    await this.#driver.pass('pause');
    this.isPaused = true;
  }

  async save(): Promise<SavedState> {
    this.#requireRunning();
    await this.#driver.pass('save');
    this.#requireRunning();
    this.#saved = { sizeBytes: 1, savedAt: AT };
    await this.end('saved');
    return this.#saved;
  }

  async stop(): Promise<StoppedState> {
    await this.#driver.pass('powerDown');
    return this.end('powered-off');
  }

  kill(): Promise<StoppedState> {
    return this.end('killed');
  }

  /** Its process is gone, whoever ended it. */
  async end(reason: StoppedState['reason']): Promise<StoppedState> {
    if (this.#state.kind === 'stopped') return this.#state;
    const state: StoppedState = { kind: 'stopped', at: AT, reason };
    this.#state = state;
    await this.#guest?.close();
    for (const heard of this.#ended.splice(0)) heard(state);
    return state;
  }

  async waitForExit(): Promise<StoppedState> {
    if (this.#state.kind === 'stopped') return this.#state;
    return new Promise((heard) => this.#ended.push(heard));
  }

  async saved(): Promise<SavedState | undefined> {
    return this.#saved;
  }

  async discardSaved(): Promise<void> {
    this.#saved = undefined;
  }

  watchProcessors({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  standsStill = async () => false;
  lostShares = async () => [];
  replacedShares = async () => [];
  crowdedShares = async () => [];
  unplugShare = async () => {};
  plugShare = async () => {};
  powerDown = async () => {};
  killNow = () => {};
  release = () => {};
  backupDisk = () => Promise.reject(new Error('it has no disk'));

  #requireRunning(): void {
    if (this.#state.kind !== 'running') throw new Error('the machine does not run');
  }
}

/** The machine's end of the cable, and a dockerd behind it. */
async function plugGuest(spec: MachineSpec, isPaused: () => boolean): Promise<{ close(): Promise<void> }> {
  const [card] = spec.networks;
  if (card?.kind !== 'stream') throw new Error('the machine has no cable');
  const dockerd = await fakeDockerd(dirname(card.socketPath), isPaused);
  const sockets = new Set<Socket>();
  const inner = `${card.socketPath}.in`;
  // Both sides dial: the guest, and the network as it does to QEMU, which takes the next plug when one is pulled out.
  let plug: Socket | undefined;
  let guestSide: Socket | undefined;
  const connect = () => {
    if (plug === undefined || guestSide === undefined) return;
    plug.on('data', (bytes) => void guestSide?.write(bytes));
    guestSide.resume();
  };
  const servers = await Promise.all([
    listen(inner, (socket) => {
      sockets.add(socket);
      guestSide = socket;
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => void plug?.write(bytes));
      socket.pause();
      connect();
    }),
    listen(card.socketPath, (socket) => {
      sockets.add(socket);
      plug = socket;
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        plug = undefined;
        guestSide?.pause();
      });
      connect();
    }),
  ]);
  const mac = Number.parseInt((card.mac ?? '').replaceAll(':', ''), 16);
  const guest: JoinedNetwork = await joinNetwork({ ...GUEST, socketPath: inner, mac });
  await guest.listen({ port: DOCKER_PORT }, async (stream) => {
    const [near, far] = [byteDuplex(stream), await dial(dockerd.port)];
    for (const side of [near, far]) side.on('error', () => side.destroy());
    near.pipe(far).pipe(near);
  });
  // Its first word, by which the network knows it.
  guest.connect({ address: '192.168.127.1', port: 9 }).then(
    (stream) => stream.abort(),
    () => undefined,
  );
  return {
    close: async () => {
      guest.close();
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
      await dockerd.close();
    },
  };
}

/** It has no containers, and answers nothing while the processors stand still. */
async function fakeDockerd(folder: string, isPaused: () => boolean): Promise<FakeDockerd> {
  return startFakeDockerd({
    credentials: await ensureCredentials(folder, Date.now()),
    handle: (request, answer) => {
      if (isPaused()) return;
      const path = request.url ?? '';
      if (path.startsWith('/events')) answer.flushHeaders();
      else answer.end(path === '/version' ? '{"Version":"26.1.5"}' : '[]');
    },
  });
}

async function listen(path: string, serve: (socket: Socket) => void): Promise<Server> {
  await rm(path, { force: true });
  const server = createServer(serve);
  await new Promise<void>((settled) => server.listen(path, settled));
  return server;
}
