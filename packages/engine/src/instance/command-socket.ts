import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import { DockerSocket } from '../docker/docker-socket.ts';
import { KeptSocket } from './kept-socket.ts';

/** Where pkg/docker/engine-exec runs commands; guest/src/engine/engine-paths.ts has the other side. */
export const COMMAND_PORT = 2371;

export interface CommandSocketOptions {
  readonly path: string;
  readonly logger: Logger;
  /** A connection to the machine's {@link COMMAND_PORT}; an engine that rests is woken for it. */
  readonly open: (signal: AbortSignal) => Promise<{ readonly stream: Duplex; readonly token: string }>;
  /** The number of connections has changed. */
  readonly onCount: () => void;
}

/** The socket of an engine on the host for commands in its machine: who reaches it need not know the token. */
export function commandSocket({ path, logger, open, onCount }: CommandSocketOptions): KeptSocket {
  const openMachine = async (signal: AbortSignal) => {
    const { stream, token } = await open(signal);
    stream.write(`${token}/`);
    return stream;
  };
  return new KeptSocket(path, () => new DockerSocket({ logger, onCount, open: openMachine }));
}
