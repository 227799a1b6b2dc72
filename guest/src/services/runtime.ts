import type { Bundle } from '../container/bundle.ts';
import type { HealthCheck } from './options.ts';

/** What runs the services' containers: runc itself, or containerd. The supervisor decides, a runtime does. */
export interface ServiceRuntime {
  readonly name: 'runc' | 'containerd';
  /** Gets ready; calls back when {@link ServiceRuntime.start} may be called. */
  open(ready: () => void): void;
  /**
   * Starts a service's container. `started` comes at most once and before `ended`; `ended` comes exactly once, also
   * if there never was a process (status 125, as Docker has it), and then the name is free again.
   */
  start(bundle: Bundle, listener: ServiceListener): void;
  /** Runs a command inside the container; no answer within the time limit counts as unhealthy. */
  check(bundle: Bundle, check: HealthCheck, checked: (healthy: boolean) => void): void;
  /** After the last service has ended. */
  close(closed: () => void): void;
}

export interface ServiceListener {
  readonly started: (pid: number) => void;
  readonly ended: (exitStatus: number) => void;
}

/** The runtime itself failed, so there was no container whose status could be told. Docker's figure. */
export const notStartedStatus = 125;
