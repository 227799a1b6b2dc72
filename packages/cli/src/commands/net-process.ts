import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OrlopError } from '@orlop/core';
import { NEW_LOG } from '@orlop/vm';
import { NetworkClient } from '@orlop/vnet';
import type { CommandContext } from '../context.ts';
import { kindOfStatus } from '../exit-status.ts';
import { NET_NODE_OPTIONS } from '../net-node-options.ts';
import { lastWords } from './last-words.ts';
import { networkPaths } from './net-paths.ts';
import type { NetUpOptions } from './net-up.ts';

export interface DetachedNetwork {
  readonly name: string;
  readonly options: NetUpOptions;
}

const START_TIMEOUT_MS = 15_000;
const POLL_MS = 20;

/** A client of the network, which is started in the background when it is not up. */
export async function ensureNetwork(
  context: CommandContext,
  network: DetachedNetwork,
): Promise<NetworkClient> {
  const client = new NetworkClient(networkPaths(context, network.name).control);
  const running = await client.status().catch(() => undefined);
  return running === undefined ? startDetached(context, network) : client;
}

/**
 * Starts `orlop net up` as a process of its own that outlives this one, and waits until it answers.
 *
 * @throws OrlopError `net.start-failed` with the last lines of its log
 */
export async function startDetached(
  context: CommandContext,
  network: DetachedNetwork,
): Promise<NetworkClient> {
  const paths = networkPaths(context, network.name);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const log = openSync(paths.log, NEW_LOG, 0o600);
  const script = process.argv[1] ?? '';
  const node = [...process.execArgv, ...NET_NODE_OPTIONS, script];
  const child = spawn(process.execPath, [...node, 'net', 'up', ...argumentsOf(network)], {
    cwd: context.cwd,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...context.env, ORLOP_LOG: context.env['ORLOP_LOG'] ?? 'info' },
  });
  closeSync(log);
  let exitCode: number | null | undefined;
  child.once('exit', (code) => {
    exitCode = code;
  });
  child.unref();
  const client = new NetworkClient(paths.control);
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (exitCode === undefined && performance.now() < deadline) {
    const status = await client.status().catch(() => undefined);
    if (status !== undefined) return client;
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
  const reason =
    (await lastWords(paths.log)).replace(/^orlop: /, '') || 'it says nothing; its file system may be full';
  const message = `the network "${network.name}" does not start: ${reason}`;
  throw new OrlopError('net.start-failed', kindOfStatus(exitCode), message, {
    hint: `its log is ${paths.log}`,
  });
}

function argumentsOf({ name, options }: DetachedNetwork): string[] {
  const pairs: [string, string | undefined][] = [
    ['--config', options.config],
    ['--subnet', options.subnet],
    ['--mtu', options.mtu],
    ['--data-plane', options.dataPlane],
    ['--idle-exit', options.idleExit],
    ['--services', options.services],
    ['--vpnkit-control', options.vpnkitControl],
    ['--vpnkit-port', options.vpnkitPort],
    ...(options.listen ?? []).map((place): [string, string] => ['--listen', place]),
    ...(options.forward ?? []).map((forward): [string, string] => ['--forward', forward]),
  ];
  return [name, ...pairs.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]))];
}
