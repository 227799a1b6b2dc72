import {
  choice,
  integer,
  listOf,
  mapOf,
  object,
  type Placed,
  placed,
  problem,
  type Reader,
  refine,
  string,
} from '../yaml/shape.ts';
import { parseDurationMs } from './duration.ts';

/** How a service is kept alive. Contract with the guest: `orlop.json` beside `config.json`. */
export interface Restart {
  readonly policy: 'no' | 'on-failure' | 'always';
  readonly maxRetries?: number;
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export type DependencyCondition = 'started' | 'healthy' | 'completed';

export interface Dependency {
  readonly name: string;
  readonly condition: DependencyCondition;
}

export interface Health {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
}

/** The first restart comes soon, later ones at doubled intervals up to the longest. */
const DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;

const duration: Reader<number> = refine(string, (text, node, at) => {
  const result = parseDurationMs(text);
  return 'message' in result ? problem(node, at, result.message) : result.value;
});

const restartMapping = refine(
  object(
    {
      policy: choice('no', 'on-failure', 'always'),
      maxRetries: integer(1, 1_000_000),
      delay: duration,
      maxDelay: duration,
    },
    ['policy'],
  ),
  (value, node, at): Restart | undefined => {
    const delayMs = value.delay ?? DELAY_MS;
    const maxDelayMs = value.maxDelay ?? Math.max(MAX_DELAY_MS, delayMs);
    if (maxDelayMs < delayMs) return problem(node, at, '"maxDelay" is shorter than "delay"');
    if (value.maxRetries !== undefined && value.policy !== 'on-failure') {
      return problem(node, at, `"maxRetries" goes only with the policy "on-failure"`);
    }
    const retries = value.maxRetries === undefined ? {} : { maxRetries: Number(value.maxRetries) };
    return { policy: value.policy, ...retries, delayMs, maxDelayMs };
  },
);

/** `no`, `on-failure`, `on-failure:5`, `always`, or a mapping. */
export const restart: Reader<Restart> = (node, at) => {
  if (node.kind === 'map') return restartMapping(node, at);
  const text = string(node, at);
  if (text === undefined) return undefined;
  const match = /^(no|on-failure|always)$|^on-failure:([1-9][0-9]{0,5})$/.exec(text);
  if (match === null) {
    return problem(node, at, `expected "no", "on-failure", "on-failure:COUNT" or "always", got "${text}"`);
  }
  const delays = { delayMs: DELAY_MS, maxDelayMs: MAX_DELAY_MS };
  if (match[2] !== undefined) return { policy: 'on-failure', maxRetries: Number(match[2]), ...delays };
  return { policy: match[1] === 'always' || match[1] === 'on-failure' ? match[1] : 'no', ...delays };
};

const dependencyNames = listOf(placed(string));
const dependencyMapping = mapOf(
  placed(object({ condition: choice('started', 'healthy', 'completed') }, ['condition'])),
);

/** A list of names (each started), or a mapping from name to condition. */
export const dependsOn: Reader<readonly Placed<Dependency>[]> = (node, at) => {
  if (node.kind === 'list') {
    const names = dependencyNames(node, at);
    return names?.map((name) => ({ ...name, value: { name: name.value, condition: 'started' } }));
  }
  const mapping = dependencyMapping(node, at);
  if (mapping === undefined) return undefined;
  return Object.entries(mapping).map(([name, dependency]) => ({
    ...dependency,
    value: { name, condition: dependency.value.condition },
  }));
};

/** A command, run inside the container, whose exit status says whether it is well. */
export const health: Reader<Health> = refine(
  object(
    {
      command: listOf(string),
      interval: duration,
      timeout: duration,
      retries: integer(1, 1000),
      startPeriod: duration,
    },
    ['command'],
  ),
  (value, node, at) => {
    if (value.command.length === 0) return problem(node, at, 'the health command is empty');
    return {
      command: value.command,
      intervalMs: value.interval ?? 10_000,
      timeoutMs: value.timeout ?? 5_000,
      retries: Number(value.retries ?? 3),
      startPeriodMs: value.startPeriod ?? 0,
    };
  },
);

export const onFailure = choice('continue', 'stop', 'poweroff');
