import type { Clock, Logger, ReportProgress } from '@orlop/core';
import type { RegistryClient } from '@orlop/oci';
import type { Driver } from '@orlop/vm';
import type { EngineHome } from './instance-paths.ts';

/** What every engine of a daemon shares. */
export interface EngineSurroundings {
  readonly home: EngineHome;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As in `PATH`. */
  readonly searchPath: string;
  readonly image: ImageSource;
}

/** Where the machine's image comes from when no setting says otherwise. */
export interface ImageSource {
  readonly description: string;
  readonly pkgFolders: readonly string[];
  readonly withRegistry: <T>(work: (client: RegistryClient) => Promise<T>) => Promise<T>;
  readonly progress: ReportProgress;
}
