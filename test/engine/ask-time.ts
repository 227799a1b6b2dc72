import { createSocket } from 'node:dgram';

/** The mode of the answer of a time server at a UDP port of the loopback: RFC 5905 §7.3, 4 is a server's. */
export async function askTime(port: number): Promise<number> {
  const socket = createSocket('udp4');
  // Version 4, mode 3: a client's.
  const question = Buffer.alloc(48);
  question[0] = 0x23;
  const ask = () => socket.send(question, port, '127.0.0.1');
  const timer = setInterval(ask, 500);
  try {
    const answer = await new Promise<Buffer>((settled) => {
      socket.once('message', settled);
      ask();
    });
    return (answer[0] ?? 0) & 7;
  } finally {
    clearInterval(timer);
    socket.close();
  }
}
