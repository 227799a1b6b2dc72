/** JSON Schema 2020-12, as far as it is used here. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One operation of the daemon; the table below is what server, client and OpenAPI document are made of. */
export interface Route {
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `{name}` stands for one segment. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonSchema;
  readonly answer: JsonSchema;
  /** @default 'application/json' */
  readonly answerType?: string;
}

const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
const TEXT = { type: 'string' };
const ENGINE_STATUS = { $ref: '#/components/schemas/EngineStatus' };
const SYNC_STATUS = { $ref: '#/components/schemas/SyncStatus' };
const SETTINGS = {
  type: 'object',
  description: 'settings by their dotted names',
  additionalProperties: true,
};

const routeTable = {
  status: {
    method: 'GET',
    path: '/v1/status',
    summary: 'The daemon and its engines',
    answer: { $ref: '#/components/schemas/DaemonStatus' },
  },
  shutdown: {
    method: 'POST',
    path: '/v1/shutdown',
    summary: 'Stop the engines in order, then the daemon',
    body: object({
      keepEngines: {
        type: 'boolean',
        description: 'end the daemon alone; machines and containers go on, and the next daemon joins them',
      },
    }),
    answer: object({}),
  },
  events: {
    method: 'GET',
    path: '/v1/events',
    summary: 'What happens, as server-sent events',
    query: { engine: 'only this engine' },
    answer: TEXT,
    answerType: 'text/event-stream',
  },
  openapi: {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This interface as an OpenAPI document',
    answer: { type: 'object' },
  },
  engine: {
    method: 'GET',
    path: '/v1/engines/{name}',
    summary: 'One engine',
    answer: ENGINE_STATUS,
  },
  start: {
    method: 'POST',
    path: '/v1/engines/{name}/start',
    summary: 'Start an engine, and answer when Docker answers; one that runs stays as it is',
    body: object({
      settings: SETTINGS,
      fresh: { type: 'boolean', description: 'without the state that was saved, if one was' },
    }),
    answer: ENGINE_STATUS,
  },
  stop: {
    method: 'POST',
    path: '/v1/engines/{name}/stop',
    summary: 'Power an engine off, or give up its start',
    body: object({
      graceMs: { type: 'number' },
      startOnly: {
        type: 'boolean',
        description: 'give up a start that nobody else waits for, and nothing else',
      },
      save: {
        type: 'boolean',
        description:
          'keep its memory in a file, so that the next start goes on; powered off where that cannot be',
      },
    }),
    answer: ENGINE_STATUS,
  },
  reset: {
    method: 'POST',
    path: '/v1/engines/{name}/reset',
    summary: 'Stop an engine and remove what it keeps',
    body: object({ keepData: { type: 'boolean' } }, ['keepData']),
    answer: ENGINE_STATUS,
  },
  sleep: {
    method: 'POST',
    path: '/v1/engines/{name}/sleep',
    summary: 'Stop the processors until the next request',
    answer: ENGINE_STATUS,
  },
  wake: {
    method: 'POST',
    path: '/v1/engines/{name}/wake',
    summary: 'Let the processors run',
    answer: ENGINE_STATUS,
  },
  suspend: {
    method: 'POST',
    path: '/v1/engines/{name}/suspend',
    summary: 'Keep its memory in a file and end its process, until the next request',
    answer: ENGINE_STATUS,
  },
  usage: {
    method: 'GET',
    path: '/v1/engines/{name}/usage',
    summary: 'What the engine takes of the host: memory, processor time, disk',
    answer: { $ref: '#/components/schemas/EngineUsage' },
  },
  diskReclaim: {
    method: 'POST',
    path: '/v1/engines/{name}/disk/reclaim',
    summary: 'Give blocks of the data disk that no file has back to the host',
    answer: { $ref: '#/components/schemas/DiskReclaim' },
  },
  ports: {
    method: 'GET',
    path: '/v1/engines/{name}/ports',
    summary: 'Published ports on the host, with their counters',
    answer: { type: 'array', items: { $ref: '#/components/schemas/PortStatus' } },
  },
  syncs: {
    method: 'GET',
    path: '/v1/engines/{name}/syncs',
    summary: 'Synchronised shares',
    answer: { type: 'array', items: { $ref: '#/components/schemas/SyncStatus' } },
  },
  syncCreate: {
    method: 'POST',
    path: '/v1/engines/{name}/syncs',
    summary: 'Keep a folder of the host and a copy in the machine in step',
    body: object(
      {
        path: TEXT,
        mode: { enum: ['two-way', 'one-way'] },
        exclude: { type: 'array', items: TEXT },
        owner: TEXT,
      },
      ['path'],
    ),
    answer: SYNC_STATUS,
  },
  syncPause: {
    method: 'POST',
    path: '/v1/engines/{name}/syncs/{sync}/pause',
    summary: 'Carry nothing until it is resumed',
    answer: SYNC_STATUS,
  },
  syncResume: {
    method: 'POST',
    path: '/v1/engines/{name}/syncs/{sync}/resume',
    summary: 'Go on after a pause or a halt',
    body: object({
      acceptEmpty: { type: 'boolean', description: 'a side that is empty was emptied on purpose' },
    }),
    answer: SYNC_STATUS,
  },
  syncFlush: {
    method: 'POST',
    path: '/v1/engines/{name}/syncs/{sync}/flush',
    summary: 'Answer when both sides are the same and both disks have it',
    answer: SYNC_STATUS,
  },
  syncRemove: {
    method: 'DELETE',
    path: '/v1/engines/{name}/syncs/{sync}',
    summary: 'Carry what is left to the host, and remove the copy in the machine',
    body: object({ force: { type: 'boolean', description: 'without carrying what is left' } }),
    answer: object({}),
  },
  snapshots: {
    method: 'GET',
    path: '/v1/engines/{name}/snapshots',
    summary: "Copies of the engine's data",
    answer: { type: 'array', items: { $ref: '#/components/schemas/Snapshot' } },
  },
  snapshotCreate: {
    method: 'POST',
    path: '/v1/engines/{name}/snapshots/{snapshot}',
    summary: 'Copy the data; an engine that runs goes on, its disk is frozen for a moment',
    answer: { $ref: '#/components/schemas/Snapshot' },
  },
  snapshotRestore: {
    method: 'POST',
    path: '/v1/engines/{name}/snapshots/{snapshot}/restore',
    summary: 'Put the data back as it was; an engine that runs is stopped for it and started again',
    answer: ENGINE_STATUS,
  },
  snapshotRemove: {
    method: 'DELETE',
    path: '/v1/engines/{name}/snapshots/{snapshot}',
    summary: 'Remove a copy',
    answer: object({}),
  },
} as const satisfies Readonly<Record<string, Omit<Route, 'operation'>>>;

export type Operation = keyof typeof routeTable;

export const routes: Readonly<Record<Operation, Route>> = Object.fromEntries(
  Object.entries(routeTable).map(([operation, route]) => [operation, { operation, ...route }]),
) as Readonly<Record<Operation, Route>>;

/** The route of a request with the segments that its path leaves open, or undefined. */
export function matchRoute(
  method: string,
  path: string,
): { readonly operation: Operation; readonly params: Readonly<Record<string, string>> } | undefined {
  const given = path.split('/');
  for (const [operation, route] of Object.entries(routes)) {
    if (route.method !== method) continue;
    const params = matchPath(route.path.split('/'), given);
    if (params !== undefined) return { operation: operation as Operation, params };
  }
  return undefined;
}

/** The path with its open segments filled in. */
export function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

function matchPath(
  pattern: readonly string[],
  given: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of pattern.entries()) {
    const text = given[index] ?? '';
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name !== undefined && text !== '') params[name] = decodeSegment(text);
    else if (segment !== text) return undefined;
  }
  return params;
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no name of anything then
  }
}
