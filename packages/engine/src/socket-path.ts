import { engineError } from './errors.ts';

/** sun_path of unix(7), less its end; Node cuts off what is beyond, and listens elsewhere. */
const LONGEST_BYTES = 107;

/** @throws OrlopError `engine.long-path` where no socket can be */
export function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= LONGEST_BYTES) return;
  throw engineError('engine.long-path', `${path} is longer than a socket's path may be (${LONGEST_BYTES})`, {
    hint: 'set ORLOP_HOME to a folder with a shorter path',
  });
}
