import type { IpAddress } from '../ip/address.ts';
import type { IpPath } from '../ip/path.ts';

/** What a packet carried, as far as whoever sent it looks at it in an error (RFC 1122 §3.2.2.1). */
export interface QuotedTransport {
  readonly length: number;
  emit(into: Uint8Array, at: number): void;
}

/** The packet that the other end of `path` sent to `local`, for an error about it when it is no longer at hand. */
export function rebuildQuote(path: IpPath, local: IpAddress, transport: QuotedTransport): Uint8Array {
  const { headerLength } = path.version;
  const quote = new Uint8Array(headerLength + transport.length);
  path.version.writeHeader(path, quote, 0, transport.length);
  swapAddresses(quote, headerLength, local.byteLength);
  transport.emit(quote, headerLength);
  return quote;
}

/** Source and destination stand at the end of either version's header; the checksum is the same after the swap. */
function swapAddresses(header: Uint8Array, headerLength: number, addressLength: number): void {
  const source = header.slice(headerLength - 2 * addressLength, headerLength - addressLength);
  header.copyWithin(headerLength - 2 * addressLength, headerLength - addressLength, headerLength);
  header.set(source, headerLength - addressLength);
}
