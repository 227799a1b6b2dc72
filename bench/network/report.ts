import type { Column } from './columns.ts';
import { type Sample, WARM_UP_SECONDS } from './measure.ts';
import type { Memory } from './tools.ts';

/** One peer's measurement of one round, with what its process spent meanwhile. */
export interface Measured extends Sample {
  readonly cpuSeconds: number;
}

export interface PeerReport {
  readonly name: string;
  /** By column, the rounds in their order; undefined where the measurement failed. */
  readonly rounds: ReadonlyMap<Column, readonly (Measured | undefined)[]>;
  readonly idle: Memory | undefined;
  readonly loaded: Memory;
}

const WIDTH = 11;

/** What was measured of all the peers. */
interface Table {
  readonly mtu: number;
  readonly columns: readonly Column[];
  readonly reports: readonly PeerReport[];
}

export function printReport(table: Table): void {
  const timed = table.columns.filter((column) => column.endsWith('rr'));
  printRates(table);
  printCosts(table);
  if (timed.length > 0) {
    printWarmUp({ ...table, columns: timed });
    printTimes({ ...table, columns: timed });
  }
  printMemory(table);
}

/**
 * Medians of the rounds. A ratio is the median of the rounds' own ratios: the two of one round were measured within
 * seconds of each other, so what else the machine does meanwhile falls on both.
 */
function printRates({ mtu, columns, reports }: Table): void {
  const own = reports.find(({ name }) => name === 'orlop');
  console.log(`\nMTU ${mtu}: Gbit/s, exchanges per second; medians of interleaved rounds`);
  console.log(row('', columns));
  for (const report of reports) {
    const rates = columns.map((column) => format(median(valuesOf(report, column, (one) => one.rate))));
    console.log(row(report.name, rates));
    if (own === undefined || report === own) continue;
    const ratios = columns.map((column) => ratio(own, report, column));
    console.log(row('  orlop is', ratios));
  }
}

function printWarmUp({ mtu, columns, reports }: Table): void {
  console.log(
    `\nMTU ${mtu}: exchanges per second of the first warm-up (${WARM_UP_SECONDS} s), left out above`,
  );
  console.log(row('', columns));
  for (const report of reports) {
    const rates = columns.map((column) => format(report.rounds.get(column)?.[0]?.warmUpRate));
    console.log(row(report.name, rates));
  }
}

function printCosts({ mtu, columns, reports }: Table): void {
  console.log(
    `\nMTU ${mtu}: processor seconds for a gigabyte, microseconds for an exchange, of the peer's process`,
  );
  console.log(row('', columns));
  for (const report of reports) {
    const costs = columns.map((column) => {
      const perUnit = column.endsWith('rr') ? 1e6 : 1;
      return format(median(valuesOf(report, column, (one) => (one.cpuSeconds * perUnit) / one.amount)));
    });
    console.log(row(report.name, costs));
  }
}

function printTimes({ mtu, columns, reports }: Table): void {
  console.log(`\nMTU ${mtu}: microseconds, p50 and p99`);
  const heads = columns.flatMap((column) => [`${column} p50`, 'p99']);
  console.log(row('', heads));
  for (const report of reports) {
    const times = columns.flatMap((column) => [
      format(median(valuesOf(report, column, (one) => one.p50))),
      format(median(valuesOf(report, column, (one) => one.p99))),
    ]);
    console.log(row(report.name, times));
  }
}

function printMemory({ mtu, reports }: Table): void {
  console.log(`\nMTU ${mtu}: MiB resident, and of those of no file; left alone, and after the measurements`);
  console.log(row('', ['idle', 'own', 'loaded', 'own']));
  for (const { name, idle, loaded } of reports) {
    const cells = [idle?.resident, idle?.own, loaded.resident, loaded.own].map(format);
    console.log(row(name, cells));
  }
}

function ratio(own: PeerReport, peer: PeerReport, column: Column): string {
  const [ours = [], theirs = []] = [own.rounds.get(column), peer.rounds.get(column)];
  const ratios = ours.flatMap((mine, round) => {
    const other = theirs[round];
    return mine === undefined || other === undefined ? [] : [mine.rate / other.rate];
  });
  const value = median(ratios);
  return value === undefined ? '-' : `×${value.toFixed(2)}`;
}

function valuesOf(
  report: PeerReport,
  column: Column,
  value: (measured: Measured) => number | undefined,
): number[] {
  return (report.rounds.get(column) ?? []).flatMap((one) => (one === undefined ? [] : (value(one) ?? [])));
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >>> 1];
}

function row(name: string, cells: readonly string[]): string {
  return [name.padEnd(13), ...cells.map((cell) => cell.padStart(WIDTH))].join('');
}

function format(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return 'failed';
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}
