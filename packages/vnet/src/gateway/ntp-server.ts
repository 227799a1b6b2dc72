import type { UdpDatagram, UdpService, UdpSocket } from '@orlop/netstack';
import {
  emitNtp,
  NTP_HEADER_LEN,
  NTP_MODE_CLIENT,
  NTP_MODE_SERVER,
  NTP_PORT,
  ntpFromUnixMs,
  parseNtp,
} from '@orlop/wire';

export interface NtpServerOptions {
  readonly udp: UdpService;
  readonly wallMs: () => number;
}

/** The host's clock is kept by somebody else: what it says is one step away from that source. */
const STRATUM = 3;
const PRECISION = -10; // a millisecond
/** 1/16 s in 16.16 fixed point: what we claim about the host's own error. */
const ROOT_DISPERSION = 0x1000;
const LOCAL_CLOCK = 0x4c4f_434c; // "LOCL"

/** Gives guests the host's time (RFC 5905 in server mode), so that a guest that slept finds it again. */
export class NtpServer {
  readonly #socket: UdpSocket;
  readonly #wallMs: () => number;

  constructor(options: NtpServerOptions) {
    this.#wallMs = options.wallMs;
    this.#socket = options.udp.bind({ port: NTP_PORT }, { onDatagram: (datagram) => this.#answer(datagram) });
  }

  close(): void {
    this.#socket.close();
  }

  #answer(datagram: UdpDatagram): void {
    const request = parseNtp(datagram.bytes, 0, datagram.bytes.length);
    if (typeof request === 'string' || request.mode !== NTP_MODE_CLIENT) return;
    const now = ntpFromUnixMs(this.#wallMs());
    const reply = new Uint8Array(NTP_HEADER_LEN);
    emitNtp(
      {
        leapIndicator: 0,
        version: request.version,
        mode: NTP_MODE_SERVER,
        stratum: STRATUM,
        poll: request.poll,
        precision: PRECISION,
        rootDelay: 0,
        rootDispersion: ROOT_DISPERSION,
        referenceId: LOCAL_CLOCK,
        referenceTime: now,
        originTime: request.transmitTime,
        receiveTime: now,
        transmitTime: now,
      },
      reply,
      0,
    );
    this.#socket.send(reply, datagram.remote, datagram.local.address);
  }
}
