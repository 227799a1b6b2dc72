/** Why a frame went nowhere. */
export const DROP_REASONS = [
  'spoofed-mac', // a source address that is the gateway's, a group's, or heard at another port lately
  'spoofed-address', // an IP address that is the gateway's or another guest's, or what only a router or a DHCP server says
  'mac-limit', // more source addresses behind one port than it may have
  'broadcast-limit', // the port's allowance of broadcast and unknown destinations is used up
  'queue-full', // the destination does not take frames
  'too-big', // larger than the destination link's MTU
  'bad-offload', // left to be finished by the link, but no TCP or UDP segment that could be
  'unplugged', // no port has the destination
] as const;

export type DropReason = (typeof DROP_REASONS)[number];
export type DropCounters = Record<DropReason, number>;

export function createDropCounters(): DropCounters {
  return {
    'spoofed-mac': 0,
    'spoofed-address': 0,
    'mac-limit': 0,
    'broadcast-limit': 0,
    'queue-full': 0,
    'too-big': 0,
    'bad-offload': 0,
    unplugged: 0,
  };
}
