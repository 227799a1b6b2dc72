import { type JsonSchema, type Route, routes } from './routes.ts';
import { STAGES } from './states.ts';

const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };
const COUNT = { type: 'integer', minimum: 0 };

const STAGE: JsonSchema = {
  type: 'object',
  required: ['name', 'state', 'waitsFor', 'durationMs', 'limitMs'],
  properties: {
    name: { enum: STAGES },
    state: { enum: ['active', 'done', 'failed'] },
    waitsFor: TEXT,
    durationMs: NUMBER,
    limitMs: NUMBER,
    note: TEXT,
  },
};

const ERROR: JsonSchema = {
  type: 'object',
  required: ['code', 'kind', 'message'],
  properties: {
    code: { type: 'string', description: 'stable, such as engine.unknown' },
    kind: TEXT,
    message: TEXT,
    hint: { type: 'string', description: 'what to do about it' },
    problems: { type: 'array', items: { type: 'object' } },
  },
};

const schemas: Readonly<Record<string, JsonSchema>> = {
  Error: { type: 'object', required: ['error'], properties: { error: ERROR } },
  Stage: STAGE,
  EngineState: {
    type: 'object',
    required: ['kind'],
    properties: {
      kind: {
        enum: ['stopped', 'starting', 'running', 'asleep', 'stalled', 'suspended', 'stopping', 'failed'],
      },
      since: { type: 'string', format: 'date-time' },
      silentSince: {
        type: 'string',
        format: 'date-time',
        description: 'of running: the machine does not answer since then',
      },
      at: { type: 'string', format: 'date-time' },
      reason: { enum: ['never-started', 'asked', 'saved', 'powered-off', 'died', 'cancelled'] },
      detail: TEXT,
      fileBytes: COUNT,
      path: { type: 'string', description: 'of stalled: the file on the host that cannot grow' },
      freeBytes: COUNT,
      stages: { type: 'array', items: { $ref: '#/components/schemas/Stage' } },
      error: ERROR,
    },
  },
  EngineUsage: {
    type: 'object',
    required: ['daemonRssBytes', 'daemonCpuMs', 'diskBytes', 'diskUsedBytes', 'savedBytes', 'snapshotBytes'],
    properties: {
      machineRssBytes: COUNT,
      machineMemoryBytes: COUNT,
      machineMemoryLimitBytes: COUNT,
      machineCpuMs: COUNT,
      daemonRssBytes: COUNT,
      daemonCpuMs: COUNT,
      guestUsedBytes: COUNT,
      guestTotalBytes: COUNT,
      guestRememberedBytes: COUNT,
      dataBytes: COUNT,
      dataFreeBytes: COUNT,
      dataFreeFiles: COUNT,
      diskBytes: COUNT,
      diskUsedBytes: COUNT,
      savedBytes: COUNT,
      snapshotBytes: COUNT,
    },
  },
  DiskReclaim: {
    type: 'object',
    required: ['beforeBytes', 'afterBytes', 'trimmedBytes'],
    properties: { beforeBytes: COUNT, afterBytes: COUNT, trimmedBytes: COUNT },
  },
  PortStatus: {
    type: 'object',
    required: ['protocol', 'hostAddress', 'hostPort', 'container', 'containerPort', 'state'],
    properties: {
      protocol: { enum: ['tcp', 'udp'] },
      hostAddress: TEXT,
      hostPort: COUNT,
      container: TEXT,
      containerPort: COUNT,
      state: { enum: ['open', 'failed'] },
      problem: TEXT,
      connections: COUNT,
      active: COUNT,
      bytesIn: COUNT,
      bytesOut: COUNT,
    },
  },
  EngineStatus: {
    type: 'object',
    required: ['name', 'state', 'dockerHost', 'cpus', 'memoryMiB', 'diskBytes', 'ports', 'pendingRestart'],
    properties: {
      name: TEXT,
      state: { $ref: '#/components/schemas/EngineState' },
      dockerHost: TEXT,
      cpus: COUNT,
      memoryMiB: COUNT,
      diskBytes: COUNT,
      diskUsedBytes: COUNT,
      accelerator: TEXT,
      machine: TEXT,
      pid: COUNT,
      dockerVersion: TEXT,
      shareEvents: {
        type: 'object',
        required: ['kind'],
        properties: { kind: { enum: ['kernel', 'raise'] }, reason: TEXT },
      },
      lostShares: { type: 'array', items: TEXT },
      connections: COUNT,
      ports: { type: 'array', items: { $ref: '#/components/schemas/PortStatus' } },
      pendingRestart: { type: 'array', items: TEXT },
      settingsProblems: { type: 'array', items: TEXT },
    },
  },
  Snapshot: {
    type: 'object',
    required: ['name', 'createdAt', 'usedBytes'],
    properties: { name: TEXT, createdAt: { type: 'string', format: 'date-time' }, usedBytes: COUNT },
  },
  SyncStatus: {
    type: 'object',
    required: [
      ...['id', 'path', 'mode', 'state', 'hostEntries', 'machineEntries', 'carried'],
      ...['conflicts', 'problems', 'skipped'],
    ],
    properties: {
      id: TEXT,
      path: TEXT,
      mode: { enum: ['two-way', 'one-way'] },
      state: {
        enum: ['idle', 'connecting', 'scanning', 'carrying', 'watching', 'paused', 'halted', 'waiting'],
      },
      problem: TEXT,
      progress: { type: 'object', properties: { done: COUNT, total: COUNT } },
      hostEntries: COUNT,
      machineEntries: COUNT,
      carried: COUNT,
      conflicts: { type: 'array', items: TEXT },
      problems: { type: 'array', items: { type: 'object', properties: { path: TEXT, reason: TEXT } } },
      skipped: { type: 'array', items: TEXT },
      lastSyncAt: { type: 'string', format: 'date-time' },
    },
  },
  DaemonStatus: {
    type: 'object',
    required: ['version', 'pid', 'startedAt', 'engines'],
    properties: {
      version: TEXT,
      commit: TEXT,
      pid: COUNT,
      startedAt: { type: 'string', format: 'date-time' },
      ending: { type: 'boolean', description: 'it ends, and only tells what it does' },
      engines: { type: 'array', items: { $ref: '#/components/schemas/EngineStatus' } },
    },
  },
};

/** The OpenAPI 3.1 document of the daemon's interface. */
export function describeApi(): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of Object.values(routes)) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  return { openapi: '3.1.0', info: { title: 'Orlop daemon', version: '1' }, paths, components: { schemas } };
}

function describeRoute(route: Route): Readonly<Record<string, unknown>> {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: TEXT,
  }));
  const inQuery = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: 'query',
    required: false,
    description,
    schema: TEXT,
  }));
  return {
    operationId: route.operation,
    summary: route.summary,
    parameters: [...inPath, ...inQuery],
    ...(route.body !== undefined && {
      requestBody: { required: false, content: { 'application/json': { schema: route.body } } },
    }),
    responses: {
      '200': {
        description: 'done',
        content: { [route.answerType ?? 'application/json']: { schema: route.answer } },
      },
      default: {
        description: 'why not',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}
