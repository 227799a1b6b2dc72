const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * What looks things up by itself under these names would find whoever says to be called so: browsers their proxy (VU#598349),
 * tunnels their router, programs themselves (RFC 6761 §6.3).
 */
const NOBODYS: ReadonlySet<string> = new Set(['wpad', 'isatap', 'localhost']);

/** The same of a guest that chooses its name itself: '' also for one that is to be nobody's. */
export function claimedHostName(text: string | undefined): string {
  const name = cleanHostName(text);
  return NOBODYS.has(name) ? '' : name;
}

/** The first label of what a guest calls itself, or '' when that is no name of a host (RFC 952, RFC 1123 §2.1). */
export function cleanHostName(text: string | undefined): string {
  const label = (text ?? '').replace(/\0+$/, '').split('.')[0] ?? '';
  return LABEL.test(label) ? label.toLowerCase() : '';
}
