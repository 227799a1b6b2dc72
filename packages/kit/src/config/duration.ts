import type { Parsed } from '../spec/parsed.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** 24 days: what a 32-bit count of milliseconds holds. */
const MAX_MS = 2 ** 31 - 1;

/** `500ms`, `10s`, `1m30s`, `2h`. */
export function parseDurationMs(text: string): Parsed<number> {
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/.test(text)) {
    return { message: `cannot parse "${text}" as a duration: it takes the form 500ms, 10s, 1m30s or 2h` };
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return total <= MAX_MS
    ? { value: Math.round(total) }
    : { message: `the duration ${text} is beyond 24 days` };
}
