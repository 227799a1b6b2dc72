import { asList, asRecord, asText } from '../container/bundle.ts';
import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';
import { describeState, isAlive } from './service-state.ts';
import type { ServiceSnapshot } from './supervisor.ts';

/** /run/orlop/services.json: what the supervisor publishes, and the `service` command shows. */
export interface ServiceStatusFile {
  readonly runtime: string;
  /** The latest request that the supervisor has taken in. */
  readonly lastRequest: string;
  readonly services: readonly ServiceStatus[];
}

export interface ServiceStatus {
  readonly name: string;
  /** A `kind` of ServiceState. */
  readonly state: string;
  readonly description: string;
  readonly alive: boolean;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly exitStatus: number | undefined;
  readonly health: string | undefined;
}

export function printServiceStatus(options: {
  readonly runtime: string;
  readonly lastRequest: string;
  readonly services: readonly ServiceSnapshot[];
}): string {
  const file: ServiceStatusFile = {
    runtime: options.runtime,
    lastRequest: options.lastRequest,
    services: options.services.map(({ name, state, restarts }) => ({
      name,
      state: state.kind,
      description: describeState(state),
      alive: isAlive(state),
      pid: state.kind === 'running' ? state.pid : undefined,
      restarts,
      exitStatus: 'exitStatus' in state ? state.exitStatus : undefined,
      health: state.kind === 'running' ? state.health.kind : undefined,
    })),
  };
  return `${JSON.stringify(file, undefined, 1)}\n`;
}

/** Undefined if no supervisor has published anything yet. */
export function readServiceStatus(system: System): ServiceStatusFile | undefined {
  const text = system.files.read(paths.serviceStatus);
  if (text === undefined) return undefined;
  const root = asRecord(JSON.parse(text));
  return {
    runtime: asText(root['runtime']),
    lastRequest: asText(root['lastRequest']),
    services: asList(root['services']).map((entry) => {
      const service = asRecord(entry);
      return {
        name: asText(service['name']),
        state: asText(service['state']),
        description: asText(service['description']),
        alive: service['alive'] === true,
        pid: optionalNumber(service['pid']),
        restarts: optionalNumber(service['restarts']) ?? 0,
        exitStatus: optionalNumber(service['exitStatus']),
        health: asText(service['health']) || undefined,
      };
    }),
  };
}

function optionalNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
