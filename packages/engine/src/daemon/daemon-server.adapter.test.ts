import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeApi, fillPath, type Operation, routes } from '@orlop/api';
import { askSocket, DescribedApi, type TemporaryFolder, temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineSurroundings } from '../instance/engine-surroundings.ts';
import { prepareImage, surroundingsIn } from '../testing/surroundings.ts';
import { DaemonServer } from './daemon-server.ts';
import { Engines } from './engines.ts';
import { EventHub } from './event-hub.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const params = { name: 'default', snapshot: 'one', sync: 'none' };

type Asked = readonly [Operation, number, Readonly<Record<string, unknown>>?];

/** The same of one that runs, rests, comes back and is stopped; its machine has neither an agent nor a disk. */
const answersOfOneThatRuns: readonly Asked[] = [
  ['start', 200],
  ['engine', 200],
  ['status', 200],
  ['usage', 200],
  ['ports', 200],
  ['diskReclaim', 503],
  ['sleep', 200],
  ['engine', 200],
  ['wake', 200],
  ['suspend', 200],
  ['engine', 200],
  ['usage', 200],
  ['wake', 200],
  ['stop', 200, { save: true }],
  ['start', 200, { fresh: true }],
  ['stop', 200, { graceMs: 0 }],
];

/** What each operation answers of an engine that has been set up and does not run, in an order in which it can. */
const answers: readonly Asked[] = [
  ['status', 200],
  ['openapi', 200],
  ['events', 200],
  ['engine', 200],
  ['start', 400, { settings: { cpus: 'many' } }],
  ['stop', 200, { startOnly: true }],
  ['stop', 200],
  ['sleep', 409],
  ['wake', 409],
  ['suspend', 409],
  ['usage', 200],
  ['diskReclaim', 409],
  ['ports', 200],
  ['syncs', 200],
  ['syncCreate', 400, { path: 'relative' }],
  ['syncPause', 404],
  ['syncResume', 404],
  ['syncFlush', 404],
  ['syncRemove', 404],
  ['snapshots', 200],
  ['snapshotCreate', 200],
  ['snapshots', 200],
  ['snapshotCreate', 409],
  ['snapshotRestore', 200],
  ['snapshotRemove', 200],
  ['snapshotRestore', 404],
  ['snapshotRemove', 404],
  ['reset', 400],
  ['reset', 200, { keepData: false }],
  ['shutdown', 200, { keepEngines: true }],
];

describe('DaemonServer', () => {
  let folder: TemporaryFolder;
  let server: DaemonServer;
  let socket: string;
  let around: EngineSurroundings;
  let ended = 0;

  beforeEach(async () => {
    folder = await temporaryFolder('daemon');
    around = surroundingsIn(folder.path);
    const events = new EventHub();
    ended = 0;
    server = new DaemonServer({
      engines: new Engines(around, events.emit),
      events,
      identity: { version: '1', commit: 'c', pid: 1, startedAt: new Date(0).toISOString() },
      shutdown: () => {
        ended++;
      },
    });
    socket = join(folder.path, 'api.sock');
    await server.listen(socket);
    const disk = join(folder.path, 'engine', 'default', 'data.img');
    await mkdir(join(disk, '..'), { recursive: true });
    await writeFile(disk, new Uint8Array(8192));
  });

  afterEach(async () => {
    await server.close();
    await folder.remove();
  });

  /** Asks in turn, and expects what the document says. @returns the operations */
  async function askAll(asked: readonly Asked[]): Promise<readonly string[]> {
    const api = new DescribedApi(describeApi());
    const seen = new Set<string>();
    for (const [operation, status, body] of asked) {
      const { method, path } = routes[operation];
      const answer = await askSocket(socket, { method, path: fillPath(path, params), body });
      const said = [operation, answer.status, answer.text.slice(0, 300)];
      expect(said).toEqual([operation, status, expect.any(String)]);
      expect(api.problemsOf({ method, path, ...answer })).toEqual([]);
      seen.add(`${method} ${path}`);
    }
    return [...seen].sort();
  }

  it('answers everything that its document describes as it is described', async () => {
    await askSocket(socket, { method: 'GET', path: '/v1/engines/default' }); // which is known by then
    expect(await askAll(answers)).toEqual(new DescribedApi(describeApi()).operations);
    await expect.poll(() => ended).toBe(1);
  });

  it('answers as described while an engine runs, rests and comes back', async () => {
    await prepareImage(around);
    await askAll(answersOfOneThatRuns);
  });

  it('answers nothing that its document does not describe', async () => {
    const api = new DescribedApi(describeApi());
    const paths = [...new Set(Object.values(routes).map(({ path }) => path))];
    const others = [
      '/',
      '/v1',
      '/v1/',
      '/v2/status',
      '/v1/engines',
      '/v1/engines/default/other',
      '*',
      '//v1/status',
    ];
    const asked = METHODS.flatMap((method) => [
      ...paths.flatMap((path) => [path, `${path}/`]).map((path) => ({ method, path })),
      ...others.map((path) => ({ method, path })),
    ]).filter(({ method, path }) => !api.operations.includes(`${method} ${path}`));
    expect(asked.length).toBeGreaterThan(200);
    for (const { method, path } of asked) {
      const { status, text } = await askSocket(socket, { method, path: fillPath(path, params) });
      expect([method, path, status]).toEqual([method, path, 404]);
      if (method !== 'HEAD') expect(JSON.parse(text).error).toMatchObject({ code: 'api.unknown-route' });
    }
  });

  it('only tells what it does once it ends, and ends once', async () => {
    server.beginEnd();
    const asked = { method: 'GET', path: '/v1/status' };
    const status = await askSocket(socket, asked);
    expect(new DescribedApi(describeApi()).problemsOf({ ...asked, ...status })).toEqual([]);
    expect(JSON.parse(status.text)).toMatchObject({ ending: true });
    const refused = await askSocket(socket, { method: 'POST', path: '/v1/engines/default/start' });
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.text).error).toMatchObject({ code: 'daemon.ending' });
    expect((await askSocket(socket, { method: 'POST', path: '/v1/shutdown' })).status).toBe(200);
    await expect.poll(() => ended).toBe(1);
  });
});
