export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** IANA's dynamic ports (RFC 6335 §6). */
export const EPHEMERAL_PORTS: PortRange = { first: 49152, last: 65535 };
