import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/** What happened while the machine came up: read by `service list` and by whoever looks for a lost onboot container. */
export interface BootStep {
  /** `devices`, `onboot 000-dhcpcd`, `services`, … */
  readonly name: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly status: number;
}

/** What of the boot has been recorded; nothing where the record cannot be read. */
export function readBootRecord(system: System): readonly BootStep[] {
  const text = system.files.read(paths.bootRecord);
  if (text === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter(isBootStep) : [];
  } catch {
    // Half a record is no record; the boot goes on without it.
    return [];
  }
}

/** Adds a step to the record. */
export function recordBootStep(system: System, step: BootStep): void {
  system.files.makeFolder(paths.state, 0o700);
  system.files.write(
    paths.bootRecord,
    `${JSON.stringify([...readBootRecord(system), step], undefined, 1)}\n`,
  );
}

function isBootStep(value: unknown): value is BootStep {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'startedMs' in value &&
    typeof value.startedMs === 'number' &&
    'endedMs' in value &&
    typeof value.endedMs === 'number' &&
    'status' in value &&
    typeof value.status === 'number'
  );
}
