import type {
  EngineEvent,
  EngineStatus,
  EngineUsage,
  PortStatus,
  ShareEventsWay,
  StageRecord,
} from '@orlop/api';
import type { CommandContext } from '../context.ts';
import { formatBytes } from '../progress.ts';

/** Shows the events of a start as they come: a line for each stage, with its time. */
export function reportStages(context: CommandContext): (event: EngineEvent) => void {
  const shown = new Set<string>();
  let lineShown = false;
  const { stderr } = context;
  const print = (text: string) => {
    stderr.write(`${lineShown ? '\r\x1b[K' : ''}${text}\n`);
    lineShown = false;
  };
  return (event) => {
    switch (event.kind) {
      case 'progress':
        context.progress(event);
        return;
      case 'stage': {
        const { stage } = event;
        if (stage.state === 'active') {
          if (stderr.isTTY !== true) return;
          stderr.write(
            `\r\x1b[K${stage.name.padEnd(8)} … waits for ${stage.waitsFor}`.slice(
              0,
              (stderr.columns ?? 80) - 1,
            ),
          );
          lineShown = true;
        } else if (!shown.has(stage.name)) {
          shown.add(stage.name);
          print(formatStage(stage));
        }
        return;
      }
      case 'state':
      case 'port':
      case 'log':
        return;
    }
  };
}

function formatStage({ name, state, durationMs, note, waitsFor }: StageRecord): string {
  const seconds = `${(durationMs / 1000).toFixed(2)} s`.padStart(9);
  const more = state === 'done' ? (note ?? '') : `${state}: waits for ${waitsFor}`;
  return `${name.padEnd(8)} ${seconds}  ${more}`.trimEnd();
}

/** What `orlop status` shows of one engine. */
export function formatEngine(status: EngineStatus): string {
  const { name, state, cpus, memoryMiB, diskBytes, diskUsedBytes, dockerVersion } = status;
  const lines = [`${name}: ${formatState(status)}`];
  const machine = [
    `${cpus} cpu${cpus === 1 ? '' : 's'}`,
    `${memoryMiB} MiB`,
    `disk ${formatBytes(diskUsedBytes)} of ${formatBytes(diskBytes)}`,
    ...(status.accelerator === undefined ? [] : [status.accelerator]),
    ...(status.pid === undefined ? [] : [`process ${status.pid}`]),
  ];
  lines.push(`  machine   ${machine.join(', ')}`);
  if (dockerVersion !== undefined)
    lines.push(`  docker    ${dockerVersion}, ${status.connections} connections`);
  lines.push(`  socket    ${status.dockerHost}`);
  if (status.shareEvents !== undefined) lines.push(`  events    ${formatShareEvents(status.shareEvents)}`);
  for (const path of status.lostShares ?? []) {
    const restart = name === 'default' ? 'orlop restart' : `orlop restart ${name}`;
    lines.push(
      `  share     ${path} IS NOT SERVED: its file server has ended. Another takes its place; if none does: ${restart}`,
    );
  }
  for (const port of status.ports) lines.push(`  port      ${formatPort(port)}`);
  if (status.pendingRestart.length > 0) {
    lines.push(`  settings  changed, in force after a restart: ${status.pendingRestart.join(', ')}`);
  }
  for (const problem of status.settingsProblems ?? []) {
    lines.push(`  settings  CANNOT BE USED at the next start: ${problem}`);
  }
  if ('stages' in state) {
    for (const stage of state.stages) lines.push(`  stage     ${formatStage(stage)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** How containers hear of what the host does in shared folders. */
export function formatShareEvents(way: ShareEventsWay): string {
  if (way.kind === 'kernel') return 'of shared folders by the kernel: all of them';
  return `of shared folders by the agent: of contents and attributes only (${way.reason})`;
}

/** Less than this of the data disk, or one part in so many, is worth a word. */
const FEW_BYTES = 512 * 2 ** 20;
const FEW_PART = 20;
const FEW_FILES = 1000;

/** What to say of a machine whose containers will soon hear `no space left on device`. */
function formatShortage(usage: EngineUsage, name: string): string {
  const { dataBytes, dataFreeBytes, dataFreeFiles } = usage;
  if (dataBytes === undefined || dataFreeBytes === undefined || dataFreeFiles === undefined) return '';
  const isShort = dataFreeBytes < Math.min(FEW_BYTES, dataBytes / FEW_PART);
  if (!isShort && dataFreeFiles >= FEW_FILES) return '';
  const what = isShort
    ? `${formatBytes(dataFreeBytes)} of ${formatBytes(dataBytes)} left`
    : `room for ${dataFreeFiles} more files left`;
  const engine = name === 'default' ? '' : ` ${name}`;
  const chosen = name === 'default' ? '' : `--engine ${name} `;
  const grow = `orlop config set ${chosen}disk SIZE, then orlop restart${engine}`;
  return `  data      DISK FULL: ${what} for images, containers and volumes; see docker system df, remove with docker system prune, or grow it: ${grow}\n`;
}

/** What an engine takes of its host. */
export function formatUsage(usage: EngineUsage, name: string): string {
  const { machineRssBytes, machineMemoryBytes, machineMemoryLimitBytes = 0, guestUsedBytes } = usage;
  const remembered = usage.guestRememberedBytes ?? 0;
  const guest =
    guestUsedBytes === undefined
      ? ''
      : `; its system uses ${formatBytes(guestUsedBytes)} and remembers ${formatBytes(remembered)} of files`;
  const ofGuest =
    machineMemoryBytes === undefined
      ? ''
      : ` (${formatBytes(machineMemoryBytes)} of its ${formatBytes(machineMemoryLimitBytes)})`;
  const machine =
    machineRssBytes === undefined ? 'no machine' : `machine ${formatBytes(machineRssBytes)}${ofGuest}`;
  const files = [
    `disk ${formatBytes(usage.diskUsedBytes)} of ${formatBytes(usage.diskBytes)}`,
    ...(usage.savedBytes > 0 ? [`saved state ${formatBytes(usage.savedBytes)}`] : []),
    ...(usage.snapshotBytes > 0 ? [`snapshots ${formatBytes(usage.snapshotBytes)}`] : []),
  ];
  return (
    `  memory    ${machine}, daemon ${formatBytes(usage.daemonRssBytes)}${guest}\n` +
    `  files     ${files.join(', ')}\n${formatShortage(usage, name)}`
  );
}

export function formatPort(port: PortStatus): string {
  const address = port.hostAddress.includes(':') ? `[${port.hostAddress}]` : port.hostAddress;
  const where = `${port.protocol} ${address}:${port.hostPort} → ${port.container}:${port.containerPort}`;
  if (port.state === 'failed') return `${where}  NOT OPEN: ${port.problem ?? ''}`;
  const traffic = `${port.connections} connections, ${formatBytes(port.bytesIn)} in, ${formatBytes(port.bytesOut)} out`;
  return `${where}  ${traffic}${port.problem === undefined ? '' : `; last: ${port.problem}`}`;
}

function formatState({ name, state }: EngineStatus): string {
  switch (state.kind) {
    case 'stopped':
      return state.reason === 'never-started'
        ? 'not started'
        : `stopped (${state.reason}${state.detail === undefined ? '' : `: ${state.detail}`})`;
    case 'starting':
      return `starting since ${state.since}`;
    case 'running':
      return state.silentSince === undefined
        ? `running since ${state.since}`
        : `running since ${state.since}, but its machine DOES NOT ANSWER since ${state.silentSince}; if that stays: orlop restart ${name}`;
    case 'asleep':
      return `asleep since ${state.since}; the next request wakes it`;
    case 'stalled':
      return `STANDS STILL since ${state.since}: the host's disk is full, ${formatBytes(state.freeBytes)} free for ${state.path}; goes on by itself when there is room`;
    case 'suspended':
      return `suspended since ${state.since}, in a file of ${formatBytes(state.fileBytes)}; the next request brings it back`;
    case 'stopping':
      return 'stopping';
    case 'failed':
      return `failed: ${state.error.message}`;
  }
}
