import { ETHERNET_HEADER_LEN, ETHERTYPE_VLAN, readU16 } from '@orlop/wire';

/** 802.1ad, the outer of two tags. */
const ETHERTYPE_SERVICE_VLAN = 0x88a8;
const TAG_LEN = 4;

/**
 * Where a frame's network layer begins, its EtherType in the two bytes before: behind its 802.1Q tags, which hosts look
 * through when they are of VLAN 0. Not beyond the frame's end.
 */
export function networkLayerAt(frame: Uint8Array, offset: number, length: number): number {
  let at = offset + ETHERNET_HEADER_LEN;
  const last = offset + length - TAG_LEN;
  for (;;) {
    const type = etherTypeBefore(frame, at);
    if ((type !== ETHERTYPE_VLAN && type !== ETHERTYPE_SERVICE_VLAN) || at > last) return at;
    at += TAG_LEN;
  }
}

/** The EtherType of what begins at `at`. */
export function etherTypeBefore(frame: Uint8Array, at: number): number {
  return readU16(frame, at - 2);
}
