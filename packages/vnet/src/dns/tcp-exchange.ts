import { type HostSockets, WOULD_BLOCK } from '../host/host-sockets.ts';
import type { Scheduler } from '../scheduler.ts';
import type { UpstreamServer } from './resolv-conf.ts';

export interface TcpExchangeOptions {
  readonly sockets: HostSockets;
  readonly scheduler: Scheduler;
  readonly timeoutMs: number;
}

const LENGTH_LEN = 2;

/** One question by TCP (RFC 7766): each message has its length before it. Undefined when none came in time. */
export function askTcp(
  message: Uint8Array,
  server: UpstreamServer,
  { sockets, scheduler, timeoutMs }: TcpExchangeOptions,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const received = new Uint8Array(LENGTH_LEN + 0xffff);
    let count = 0;
    const finish = (answer: Uint8Array | undefined) => {
      cancel();
      stream.close();
      resolve(answer);
    };
    const cancel = scheduler.after(timeoutMs, () => finish(undefined));
    const stream = sockets.connect(
      { kind: 'ip', ...server },
      {
        onOpen: () => {
          stream.write(framed(message));
          stream.wantRead(true);
        },
        onReadable: () => {
          const got = stream.read(received.subarray(count));
          if (got === WOULD_BLOCK) return;
          count += got;
          const length = ((received[0] ?? 0) << 8) | (received[1] ?? 0);
          if (count > LENGTH_LEN && count >= LENGTH_LEN + length) {
            finish(Uint8Array.from(received.subarray(LENGTH_LEN, LENGTH_LEN + length)));
          } else if (got === 0) finish(undefined);
        },
        onWritable: () => {},
        onFailed: () => finish(undefined),
      },
    );
  });
}

function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_LEN + message.length);
  bytes[0] = message.length >>> 8;
  bytes[1] = message.length & 0xff;
  bytes.set(message, LENGTH_LEN);
  return bytes;
}
