import { COLUMNS } from './columns.ts';
import { measure, type Place } from './measure.ts';
import { cpuSecondsOf } from './tools.ts';

/** Every column between two guests, and what it costs the switch, a process. */
export function printColumns(title: string, place: Place, pid: number): void {
  console.log(title);
  for (const column of COLUMNS.filter((name) => !name.startsWith('fwd'))) {
    const before = cpuSecondsOf(pid);
    const { rate, amount, p50, p99 } = measure(column, place);
    const spent = cpuSecondsOf(pid) - before;
    const what =
      p50 === undefined
        ? `${rate.toFixed(2)} Gbit/s, ${(spent / amount).toFixed(2)} s of the switch's processor a gigabyte`
        : `${rate.toFixed(0)}/s, p50 ${p50.toFixed(0)} µs, p99 ${p99?.toFixed(0)} µs, ${((spent * 1e6) / amount).toFixed(0)} µs of its processor each`;
    console.log(`  ${column.replace('g→h', 'there').replace('h→g', 'back').padEnd(8)}${what}`);
  }
}
