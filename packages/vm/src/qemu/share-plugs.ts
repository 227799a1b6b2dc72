import type { Share } from '../machine-spec.ts';
import { shareId } from './arguments.ts';

/**
 * Which virtiofs shares QEMU has no server of any more, by what it says to `query-chardev`: it names a socket
 * `disconnected:unix:…` once the other side has gone, and does not connect it again.
 */
export function lostShares(shares: readonly Share[], devices: unknown): string[] {
  if (!Array.isArray(devices)) return [];
  const gone = new Set(
    devices.flatMap(({ label, filename }: { readonly label?: unknown; readonly filename?: unknown }) =>
      typeof filename === 'string' && filename.startsWith('disconnected:') ? [label] : [],
    ),
  );
  return shares.flatMap(({ kind, hostPath }, index) =>
    kind === 'virtiofs' && gone.has(shareId(index)) ? [hostPath] : [],
  );
}
