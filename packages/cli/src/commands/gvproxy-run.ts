import { createWriteStream, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type Logger } from '@orlop/core';
import type { OpenNetwork } from '@orlop/vnet';
import { VERSION } from '../build-info.ts';
import type { CommandContext } from '../context.ts';
import { untilAborted } from '../until-aborted.ts';
import type { GvproxyOptions } from './gvproxy.ts';
import { type GvproxyPlan, planGvproxy } from './gvproxy-plan.ts';

/** @throws OrlopError `cli.bad-option`, and what opening a network throws */
export async function runGvproxy(context: CommandContext, options: GvproxyOptions): Promise<void> {
  if (options.version === true) {
    context.stdout.write(`gvproxy version v${VERSION} (Orlop)\n`);
    return;
  }
  const vnet = await import('@orlop/vnet');
  const plan = await planGvproxy(context, options);
  const logger = openLogger(context, plan);
  const opened = await vnet.openNetwork({
    config: plan.config,
    logger,
    platform: process.platform,
    environment: context.env,
    vpnkitMacs: plan.vpnkitMacs,
    stdio: { input: context.stdin, output: context.stdout },
  });
  const { network } = opened;
  const folder = await mkdtemp(join(tmpdir(), 'gvproxy-'));
  const guestApi = vnet.gvproxyGatewayServer({ network, logger });
  const served = serveApis(plan, { vnet, opened, logger, folder });
  const ended = new AbortController();
  const notifier =
    plan.notificationPath === undefined ? undefined : new vnet.GvproxyNotifier(plan.notificationPath, logger);
  network.segment.onHeard = (mac) => notifier?.joined(mac);
  // As gvproxy: with its one guest its work is done. A port that nobody used (a probe of the socket) is no guest.
  network.onGuestLeft = (macs) => {
    notifier?.left(macs);
    if (plan.endsWithGuest && macs.size > 0) ended.abort();
  };
  let recorded: Promise<void> | undefined;
  try {
    if (plan.captureFile !== undefined) {
      recorded = record(await open(plan.captureFile, 'w', 0o600), opened, ended.signal);
      recorded.catch((error) => ended.abort(error));
    }
    if (plan.pidFile !== undefined) writeFileSync(plan.pidFile, String(process.pid));
    const guestApiPath = join(folder, 'api.sock');
    await guestApi.listen(guestApiPath);
    const own = [...plan.forwards, ...vnet.parseForwards(`host:80=unix:${guestApiPath}`)];
    for (const spec of own) await network.forwards.add(spec);
    await served.listen();
    logger.info('waiting for clients...');
    notifier?.ready();
    await untilAborted(AbortSignal.any([context.signal, ended.signal]));
  } finally {
    ended.abort();
    served.close();
    guestApi.close();
    opened.close();
    for (const path of [plan.pidFile, ...plan.socketPaths])
      if (path !== undefined) rmSync(path, { force: true });
    await Promise.all([notifier?.flushed(), recorded, rm(folder, { recursive: true, force: true })]);
  }
}

interface ApisRequest {
  readonly vnet: typeof import('@orlop/vnet');
  readonly opened: OpenNetwork;
  readonly logger: Logger;
  /** For sockets on the way to the guest. */
  readonly folder: string;
}

/** Where the host speaks with the network and its guests: the API, the links, and sockets that lead over SSH. */
function serveApis(
  plan: GvproxyPlan,
  { vnet, opened, logger, folder }: ApisRequest,
): { listen(): Promise<void>; close(): void } {
  const { network } = opened;
  const apis = plan.apiPlaces.map((place) => ({ place, server: vnet.gvproxyServer({ network, logger }) }));
  if (plan.servicesPlace !== undefined) {
    const server = vnet.gvproxyServer({ network, logger, connect: false });
    apis.push({ place: plan.servicesPlace, server });
  }
  const forwards = plan.sshForwards.map(
    (spec, i) =>
      new vnet.SshForward(spec, {
        sshPort: plan.sshPort,
        tunnelPath: join(folder, `ssh${i}.sock`),
        scheduler: vnet.nodeScheduler,
        logger,
      }),
  );
  return {
    async listen() {
      for (const { place, server } of apis) await server.listen(place);
      for (const place of plan.places) await opened.listen(vnet.parseLinkSpec(place));
      for (const forward of forwards) await forward.start();
    },
    close() {
      for (const forward of forwards) forward.close();
      for (const { server } of apis) server.close();
    },
  };
}

/** Until the signal; fails with why the file cannot be written. */
async function record(file: FileHandle, { captures }: OpenNetwork, signal: AbortSignal): Promise<void> {
  try {
    for await (const chunk of captures.start({ signal })) await file.appendFile(chunk);
  } finally {
    await file.close();
  }
}

function openLogger(context: CommandContext, { logFile, debug }: GvproxyPlan): Logger {
  if (logFile === undefined) return debug ? createLogger('debug', lineTo(context.stderr)) : context.logger;
  return createLogger(debug ? 'debug' : 'info', lineTo(createWriteStream(logFile)));
}

function lineTo(out: NodeJS.WritableStream): (line: string) => void {
  return (line) => void out.write(`${line}\n`);
}
