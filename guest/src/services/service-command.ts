import { readBootRecord } from '../boot/boot-record.ts';
import { paths } from '../paths.ts';
import { lastLines } from '../system/line-splitter.ts';
import type { System } from '../system/system.ts';
import type { RequestAction } from './daemon.ts';
import { serviceLogs } from './log-files.ts';
import { readPid } from './runc-runtime.ts';
import { readServiceStatus, type ServiceStatus, type ServiceStatusFile } from './status-file.ts';

/** What a command prints and exits with. */
export interface CommandResult {
  readonly status: number;
  readonly output: string;
  readonly error: string;
}

export const serviceUsage = `Usage: service COMMAND

  list [--json]               services and the containers of the boot
  status NAME [--json]        one service; exit status 0 if it runs, 3 if not
  start|stop|restart NAME     and wait until it has happened
  logs NAME [--lines N]       the end of what the service has written
`;

/** How long a request may take until its effect must be seen: ten seconds to stop, and the start after it. */
const settleTimeoutMs = 60_000;
const settlePollMs = 50;
const defaultLines = 100;
/** `status` of a service that is not running, as init scripts have it (LSB, "Init Script Actions"). */
const notRunningStatus = 3;

/** Runs the `service` command's subcommands for people and scripts inside the guest. */
export function runServiceCommand(system: System, words: readonly string[]): CommandResult {
  const flags = words.filter((word) => word.startsWith('--'));
  const [command, name] = words.filter(
    (word, index) => !word.startsWith('--') && words[index - 1] !== '--lines',
  );
  const json = flags.includes('--json');
  if (command === undefined || command === 'help' || flags.includes('--help')) {
    return {
      status: command === undefined && !flags.includes('--help') ? 2 : 0,
      output: serviceUsage,
      error: '',
    };
  }
  if (command === 'list') return listServices(system, json);
  if (name === undefined) return failure(2, `service ${command} needs a service's name\n\n${serviceUsage}`);
  const status = readServiceStatus(system);
  const service = status?.services.find((candidate) => candidate.name === name);
  if (status === undefined) return failure(1, 'the services are not started yet');
  if (service === undefined) {
    const known = status.services.map((candidate) => candidate.name).join(', ');
    return failure(1, `there is no service "${name}" in this image; there is: ${known}`);
  }
  switch (command) {
    case 'status':
      return {
        status: service.alive ? 0 : notRunningStatus,
        output: json ? `${JSON.stringify(service)}\n` : `${service.name}: ${service.description}\n`,
        error: '',
      };
    case 'start':
    case 'stop':
    case 'restart':
      return request(system, command, service);
    case 'logs':
      return showLogs(system, name, numberAfter(words, '--lines') ?? defaultLines);
    default:
      return failure(2, `there is no command "${command}"\n\n${serviceUsage}`);
  }
}

function listServices(system: System, json: boolean): CommandResult {
  const steps = readBootRecord(system);
  const services = readServiceStatus(system)?.services ?? [];
  if (json)
    return { status: 0, output: `${JSON.stringify({ boot: steps, services }, undefined, 1)}\n`, error: '' };
  const rows = [
    ['NAME', 'PID', 'RESTARTS', 'STATE'],
    ...services.map(({ name, pid, restarts, description }) => [
      name,
      String(pid ?? '-'),
      String(restarts),
      description,
    ]),
  ];
  const stepLines = steps.map(
    ({ name, startedMs, endedMs, status }) =>
      `${name}: ${status === 0 ? 'done' : `FAILED with exit status ${status}`} in ${((endedMs - startedMs) / 1000).toFixed(2)} s\n`,
  );
  return { status: 0, output: `${alignColumns(rows)}\n${stepLines.join('')}`, error: '' };
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function request(system: System, action: RequestAction, before: ServiceStatus): CommandResult {
  const supervisor = readPid(system, paths.supervisorProcess);
  if (supervisor === undefined || !system.processes.signal(supervisor, 0)) {
    return failure(1, 'the supervisor of the services is not running');
  }
  const id = `${system.processes.ownPid}-${system.time.uptimeMs()}`;
  if (!system.files.writeInPlace(paths.requests, `${JSON.stringify({ id, action, name: before.name })}\n`)) {
    return failure(1, `cannot write to ${paths.requests}; only root may`);
  }
  const deadlineMs = system.time.uptimeMs() + settleTimeoutMs;
  let taken = false;
  while (system.time.uptimeMs() < deadlineMs) {
    const status = readServiceStatus(system);
    // Another request may come right after; once seen, ours has been taken in.
    taken ||= status?.lastRequest === id;
    const now = findService(status, before.name);
    if (taken && now !== undefined && isSettled(action, now, before)) {
      const good = action === 'stop' ? !now.alive : now.alive || now.state === 'completed';
      const text = `${now.name}: ${now.description}\n`;
      return good ? { status: 0, output: text, error: '' } : failure(1, text.trimEnd());
    }
    system.time.pause(settlePollMs);
  }
  return failure(1, `${before.name} has not done as asked within ${settleTimeoutMs / 1000} s`);
}

function isSettled(action: RequestAction, now: ServiceStatus, before: ServiceStatus): boolean {
  if (action === 'stop') return !now.alive;
  if (now.state === 'running') return action === 'start' || now.pid !== before.pid;
  return ['completed', 'failed', 'blocked', 'backoff', 'waiting'].includes(now.state);
}

function findService(status: ServiceStatusFile | undefined, name: string): ServiceStatus | undefined {
  return status?.services.find((candidate) => candidate.name === name);
}

function showLogs(system: System, name: string, lines: number): CommandResult {
  const logs = serviceLogs(name);
  const parts = [logs.out, logs.error].flatMap((log) => {
    const end = lastLines(system.files.readEnd(log, 1_048_576), lines);
    return end.length === 0 ? [] : [`==> ${log} <==\n${end.join('\n')}\n`];
  });
  return { status: 0, output: parts.join('\n'), error: '' };
}

function numberAfter(words: readonly string[], flag: string): number | undefined {
  const value = Number(words[words.indexOf(flag) + 1]);
  return words.includes(flag) && Number.isInteger(value) && value > 0 ? value : undefined;
}

function failure(status: number, text: string): CommandResult {
  return { status, output: '', error: `service: ${text}\n` };
}
