/** Systems give their packets 64, 128 or 255 hops, and no path of the internet has half as many as the least of them. */
const SEARCHING_BELOW = 48;

/**
 * What the host's packet may go further when the guest's arrived with `hopLimit`, the gateway being a hop: told only
 * of packets that look for the routers on the way, so that all others cost the host's sockets nothing. Undefined =
 * as far as the host's own go.
 */
export function onwardHopLimit(hopLimit: number | undefined): number | undefined {
  if (hopLimit === undefined || hopLimit >= SEARCHING_BELOW) return undefined;
  return Math.max(1, hopLimit - 1);
}
