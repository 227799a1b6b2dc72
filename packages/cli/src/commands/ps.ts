import type { Machine, MachineSpec, MachineState, PublishedPort } from '@orlop/vm';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatColumns } from '../format-columns.ts';

/** One machine in `orlop ps --json`. */
interface MachineRow {
  readonly name: string;
  readonly state: MachineState;
  readonly arch: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly ports: readonly PublishedPort[];
  readonly folder: string;
}

export function registerPs(program: Command, context: CommandContext): void {
  program
    .command('ps')
    .description('list the machines')
    .option('-a, --all', 'the stopped ones as well')
    .option('--json', 'print as JSON, all of them')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      const { rotateLog } = await import('@orlop/vm');
      const { Machines } = await import('./run-machines.ts');
      const { readRecord } = await import('./run-start.ts');
      const rows: MachineRow[] = [];
      for (const { machine, state } of await new Machines(context).list()) {
        await rotateLog(machine.console.logPath);
        const record = await readRecord(machine.folder).catch(() => undefined);
        rows.push(describe(machine, { state, ports: record?.publish ?? [] }));
      }
      if (options.json === true) {
        context.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
        return;
      }
      const shown = rows.filter((row) => options.all === true || row.state.kind === 'running');
      context.stdout.write(formatTable(shown, Date.now()));
    });
}

function describe(
  machine: Machine,
  { state, ports }: { state: MachineState; ports: readonly PublishedPort[] },
): MachineRow {
  const { name, arch, cpus, memoryMiB }: MachineSpec = machine.spec;
  return { name, state, arch, cpus, memoryMiB, ports, folder: machine.folder };
}

/** A table with a heading. */
export function formatTable(rows: readonly MachineRow[], nowMs: number): string {
  return formatColumns([
    ['NAME', 'STATE', 'SINCE', 'PID', 'ACCEL', 'ARCH', 'CPUS', 'MEM', 'PORTS'],
    ...rows.map((row) => [
      row.name,
      formatState(row.state),
      'at' in row.state ? formatAge(nowMs - Date.parse(row.state.at)) : '-',
      row.state.kind === 'running' ? String(row.state.process.pid) : '-',
      row.state.kind === 'running' ? row.state.accelerator : '-',
      row.arch,
      String(row.cpus),
      `${row.memoryMiB}M`,
      row.ports.map(formatPort).join(', ') || '-',
    ]),
  ]);
}

function formatState(state: MachineState): string {
  return state.kind === 'stopped' ? `stopped (${state.reason})` : state.kind;
}

function formatPort(port: PublishedPort): string {
  return `${port.hostAddress}:${port.hostPort}->${port.guestPort}/${port.protocol}`;
}

/** `5s`, `3m`, `2h`, `4d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
