/**
 * The socket face that programs are written against. Two implementations share one compliance suite: this
 * package's stack (`stackStreams`, `stackDatagrams`) and the host's own sockets (`hostNetwork` in `vnet`). A
 * program that takes a network runs on either.
 */

export interface SocketAddress {
  /** In text form, without zone. */
  readonly address: string;
  readonly port: number;
}

/** One direction may end while the other goes on. Failures reject with `netstack.*` codes. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** The next bytes, at least one; undefined at the end. They are valid until the next `read`. */
  read(): Promise<Uint8Array | undefined>;
  /** Done when the bytes are queued; waits while the other side does not take them. They must not change after. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more will be written. */
  end(): void;
  /** Drops the connection: the other side sees a reset. */
  abort(): void;
  /** Done when both directions ended; rejects when the connection broke. */
  readonly closed: Promise<void>;
}

export interface StreamListener {
  readonly port: number;
  close(): void;
}

export interface StreamNetwork {
  /**
   * Serves connections to a port (0 = any free one). A stream whose `serve` rejects is aborted.
   * Throws `netstack.port-in-use`.
   */
  listen(
    options: { readonly port: number; readonly address?: string },
    serve: (stream: ByteStream) => Promise<void>,
  ): Promise<StreamListener>;
  /** Throws `netstack.refused`, `netstack.unreachable`, `netstack.timeout`, `netstack.aborted` (by the signal). */
  connect(remote: SocketAddress, options?: { readonly signal?: AbortSignal }): Promise<ByteStream>;
}

export interface DatagramPort {
  readonly port: number;
  /** Sends, or drops when the queue is full, as a network may. */
  send(bytes: Uint8Array, to: SocketAddress): void;
  close(): void;
}

export interface DatagramNetwork {
  /** `bytes` are valid during the call. Throws `netstack.port-in-use`. */
  bind(
    options: { readonly port: number; readonly address?: string },
    onDatagram: (bytes: Uint8Array, from: SocketAddress, port: DatagramPort) => void,
  ): Promise<DatagramPort>;
}
