import { join } from 'node:path';
import type { EngineHome } from '../instance/instance-paths.ts';

/** The gateway's port behind which dockerd finds the registry of the home: docker-registry(1)'s own. */
export const REGISTRY_PORT = 5000;

/** Files of the registry of a home; the folder is the user's alone, so its sockets are too. */
export interface RegistryPaths {
  readonly folder: string;
  readonly data: string;
  /** Serves engines: reads only. */
  readonly socket: string;
  readonly identity: string;
  readonly log: string;
  readonly lock: string;
}

export function registryPaths({ home }: Pick<EngineHome, 'home'>): RegistryPaths {
  const folder = join(home, 'registry');
  return {
    folder,
    data: join(folder, 'data'),
    socket: join(folder, 'registry.sock'),
    identity: join(folder, 'identity.json'),
    log: join(folder, 'log'),
    lock: join(folder, 'push.lock'),
  };
}
