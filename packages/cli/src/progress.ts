import type { ProgressEvent, ReportProgress } from '@orlop/core';

const REDRAW_MS = 100;
const BAR_CELLS = 24;

interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Draws progress on a terminal, one line that is written over; elsewhere prints one line when a task ends.
 * Nothing is drawn for a task that ends within the first redraw interval.
 */
export function drawProgress(screen: Screen, nowMs: () => number): ReportProgress {
  const started = new Map<string, number>();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let lineShown = false;
  return (event) => {
    const now = nowMs();
    const since = started.get(event.task) ?? now;
    started.set(event.task, since);
    const clear = lineShown ? '\r\x1b[K' : '';
    if (event.finished) {
      started.delete(event.task);
      if (lineShown || now - since >= REDRAW_MS) {
        screen.write(
          `${clear}${event.task}: ${formatAmount(event.done, event.unit)} in ${((now - since) / 1000).toFixed(1)} s\n`,
        );
      }
      lineShown = false;
    } else if (screen.isTTY && now - drawnAt >= REDRAW_MS) {
      drawnAt = now;
      lineShown = true;
      screen.write(`\r\x1b[K${progressLine(event).slice(0, (screen.columns ?? 80) - 1)}`);
    }
  };
}

/** One line of text for a report. */
export function progressLine(event: ProgressEvent): string {
  const { done, total } = event;
  if (total === undefined || total === 0) return `${event.task}  ${formatAmount(done, event.unit)}`;
  const filled = Math.min(BAR_CELLS, Math.floor((done / total) * BAR_CELLS));
  const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}`;
  return `${event.task}  [${bar}] ${formatAmount(done, event.unit)} of ${formatAmount(total, event.unit)}`;
}

/** `12`, `1.5 MB`: decimal units, as disks and networks are sold. */
function formatAmount(amount: number, unit: ProgressEvent['unit']): string {
  return unit === 'items' ? String(amount) : formatBytes(amount);
}

/** Decimal units: `12 B`, `1.2 MB`, `125 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
