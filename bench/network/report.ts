import { COLUMNS, type Column, type Sample, WARM_UP_SECONDS } from './measure.ts';
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

const TIMED = COLUMNS.filter((column) => column.endsWith('rr'));

export function printReport(mtu: number, reports: readonly PeerReport[]): void {
  printRates(mtu, reports);
  printCosts(mtu, reports);
  printTimes(mtu, reports);
  printMemory(mtu, reports);
}

/**
 * Medians of the rounds. A ratio is the median of the rounds' own ratios: the two of one round were measured within
 * seconds of each other, so what else the machine does meanwhile falls on both.
 */
function printRates(mtu: number, reports: readonly PeerReport[]): void {
  const own = reports.find(({ name }) => name === 'orlop');
  console.log(`\nMTU ${mtu}: Gbit/s, exchanges per second; medians of interleaved rounds`);
  console.log(row('', COLUMNS));
  for (const report of reports) {
    const rates = COLUMNS.map((column) => format(median(valuesOf(report, column, (one) => one.rate))));
    console.log(row(report.name, rates));
    if (own === undefined || report === own) continue;
    const ratios = COLUMNS.map((column) => ratio(own, report, column));
    console.log(row('  orlop is', ratios));
  }
  console.log(
    `\nMTU ${mtu}: exchanges per second of the first warm-up (${WARM_UP_SECONDS} s), left out above`,
  );
  console.log(row('', TIMED));
  for (const report of reports) {
    const rates = TIMED.map((column) => format(report.rounds.get(column)?.[0]?.warmUpRate));
    console.log(row(report.name, rates));
  }
}

function printCosts(mtu: number, reports: readonly PeerReport[]): void {
  console.log(
    `\nMTU ${mtu}: processor seconds for a gigabyte, microseconds for an exchange, of the peer's process`,
  );
  console.log(row('', COLUMNS));
  for (const report of reports) {
    const costs = COLUMNS.map((column) => {
      const perUnit = column.endsWith('rr') ? 1e6 : 1;
      return format(median(valuesOf(report, column, (one) => (one.cpuSeconds * perUnit) / one.amount)));
    });
    console.log(row(report.name, costs));
  }
}

function printTimes(mtu: number, reports: readonly PeerReport[]): void {
  console.log(`\nMTU ${mtu}: microseconds, p50 and p99`);
  const heads = TIMED.flatMap((column) => [`${column} p50`, 'p99']);
  console.log(row('', heads));
  for (const report of reports) {
    const times = TIMED.flatMap((column) => [
      format(median(valuesOf(report, column, (one) => one.p50))),
      format(median(valuesOf(report, column, (one) => one.p99))),
    ]);
    console.log(row(report.name, times));
  }
}

function printMemory(mtu: number, reports: readonly PeerReport[]): void {
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
