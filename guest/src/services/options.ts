import { asList, asRecord, asText } from '../container/bundle.ts';

/** orlop.json: what Orlop adds to LinuxKit's services. A container without the file behaves as LinuxKit's do. */
export interface ServiceOptions {
  readonly restart: RestartPolicy;
  readonly dependsOn: readonly Dependency[];
  readonly health: HealthCheck | undefined;
  readonly onFailure: OnFailure;
}

/** What a final failure means for the machine. */
export type OnFailure = 'continue' | 'stop' | 'poweroff';

export interface RestartPolicy {
  readonly policy: 'no' | 'on-failure' | 'always';
  /** Infinity: never gives up. */
  readonly maxRetries: number;
  /** Before the first restart; doubles with each further one. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export interface Dependency {
  readonly name: string;
  readonly condition: 'started' | 'healthy' | 'completed';
}

export interface HealthCheck {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row make the service unhealthy. */
  readonly retries: number;
  /** From the start on, for so long, failures do not count. */
  readonly startPeriodMs: number;
}

/** Docker Compose's figures where it has them; restarts begin slower, since an emulated machine needs a second. */
const defaults = {
  restart: { policy: 'no', maxRetries: Number.POSITIVE_INFINITY, delayMs: 1000, maxDelayMs: 60_000 },
  health: { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0 },
} as const;

/** Every key is optional; a value of the wrong form counts as absent, since the composer has validated it. */
export function parseServiceOptions(text: string | undefined): ServiceOptions {
  const root = asRecord(parse(text));
  const restart = asRecord(root['restart']);
  return {
    restart: {
      policy: oneOf(restart['policy'], ['no', 'on-failure', 'always'], defaults.restart.policy),
      maxRetries: count(restart['maxRetries'], defaults.restart.maxRetries),
      delayMs: count(restart['delayMs'], defaults.restart.delayMs),
      maxDelayMs: count(restart['maxDelayMs'], defaults.restart.maxDelayMs),
    },
    dependsOn: asList(root['dependsOn']).flatMap((entry) => {
      const dependency = asRecord(entry);
      const name = asText(dependency['name']);
      const condition = oneOf(dependency['condition'], ['started', 'healthy', 'completed'], 'started');
      return name === '' ? [] : [{ name, condition }];
    }),
    health: parseHealth(root['health']),
    onFailure: oneOf(root['onFailure'], ['continue', 'stop', 'poweroff'], 'continue'),
  };
}

function parseHealth(value: unknown): HealthCheck | undefined {
  const health = asRecord(value);
  const command = asList(health['command']).map(asText);
  if (command.length === 0) return undefined;
  return {
    command,
    intervalMs: count(health['intervalMs'], defaults.health.intervalMs),
    timeoutMs: count(health['timeoutMs'], defaults.health.timeoutMs),
    retries: Math.max(1, count(health['retries'], defaults.health.retries)),
    startPeriodMs: count(health['startPeriodMs'], defaults.health.startPeriodMs),
  };
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return {};
  try {
    return JSON.parse(text);
  } catch {
    // A service with a broken file of options is still a service.
    return {};
  }
}

function oneOf<const Value extends string>(
  value: unknown,
  allowed: readonly Value[],
  otherwise: Value,
): Value {
  return allowed.find((candidate) => candidate === value) ?? otherwise;
}

function count(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise;
}
