import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors.ts';

/** Where the daemon and its engines keep what they keep. */
export interface EngineHome {
  /** `$ORLOP_HOME` or `~/.orlop`. */
  readonly home: string;
  /** The store of images, and the state of apt: shared with `orlop build`. */
  readonly cache: string;
  readonly debian: string;
  readonly machines: string;
  readonly probes: string;
}

/** The files of one engine; sockets among them, so the names are short. */
export interface InstancePaths {
  readonly name: string;
  readonly folder: string;
  readonly dockerSocket: string;
  /** On which `orlop ssh` hands commands to the machine. */
  readonly commandSocket: string;
  /** On which the machine asks for ports of the host, by its gateway. */
  readonly portSocket: string;
  /** On which the machine listens for the network. */
  readonly cable: string;
  readonly leases: string;
  readonly dataDisk: string;
  /** What the machine is handed at its start; holds a key. */
  readonly guestConfiguration: string;
  /** What the engine was started with. */
  readonly record: string;
  /** The machine's own folder: `orlop logs` and `orlop console` know it by its name. */
  readonly machineName: string;
  readonly machine: string;
  /** What is known of synchronised shares, a folder for each. */
  readonly syncs: string;
  readonly instanceSettings: string;
  readonly userSettings: string;
  readonly policySettings: string;
}

export interface DaemonPaths {
  readonly folder: string;
  readonly socket: string;
  readonly identity: string;
  readonly lock: string;
  readonly log: string;
}

const POLICY = '/etc/orlop/policy.yml';

export function isEngineName(name: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,30}$/.test(name);
}

/** @throws OrlopError `engine.bad-name` */
export function instancePaths({ home, machines }: EngineHome, name: string): InstancePaths {
  if (!isEngineName(name)) {
    throw engineError('engine.bad-name', `"${name}" is no name of an engine`, {
      hint: 'small letters, digits, - and _, at most 31',
    });
  }
  const folder = join(home, 'engine', name);
  const machineName = `engine-${name}`;
  return {
    name,
    folder,
    dockerSocket: join(folder, 'docker.sock'),
    commandSocket: join(folder, 'exec.sock'),
    portSocket: join(folder, 'ports.sock'),
    cable: join(folder, 'net.sock'),
    leases: join(folder, 'leases.json'),
    dataDisk: join(folder, 'data.img'),
    guestConfiguration: join(folder, 'guest.json'),
    record: join(folder, 'record.json'),
    machineName,
    machine: join(machines, machineName),
    syncs: join(folder, 'sync'),
    instanceSettings: join(folder, 'config.yml'),
    userSettings: join(home, 'config.yml'),
    policySettings: POLICY,
  };
}

/** The paths of an engine that has been started or set up; of the default one always. @throws OrlopError `engine.unknown`, `engine.bad-name` */
export function knownInstance(home: EngineHome, name: string): InstancePaths {
  const paths = instancePaths(home, name);
  if (name === 'default' || existsSync(paths.folder)) return paths;
  throw engineError('engine.unknown', `there is no engine "${name}"`, { hint: 'orlop status lists them' });
}

export function daemonPaths({ home }: Pick<EngineHome, 'home'>): DaemonPaths {
  const folder = join(home, 'daemon');
  return {
    folder,
    socket: join(folder, 'api.sock'),
    identity: join(folder, 'identity.json'),
    lock: join(folder, 'start.lock'),
    log: join(folder, 'log'),
  };
}

export async function makeInstanceFolder(paths: InstancePaths): Promise<void> {
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
}
