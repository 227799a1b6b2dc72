import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * A folder below $TMPDIR for what a benchmark writes; it goes with the process, however that ends.
 *
 * @param {string} name of the benchmark
 */
export function makeWorkFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `orlop-bench-${name}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  for (const [signal, status] of Object.entries(STATUS)) process.once(signal, () => process.exit(status));
  return folder;
}
