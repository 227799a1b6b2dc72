import type { Logger } from '@orlop/core';
import type { ContainerWatcher } from './container-watcher.ts';
import type { DockerChannel } from './docker-channel.ts';
import type { PortForwards } from './port-forwards.ts';

export interface ReservePortsOptions {
  readonly watcher: Pick<ContainerWatcher, 'asked'>;
  readonly forwards: Pick<PortForwards, 'reserve'>;
  readonly docker: Pick<DockerChannel, 'json'>;
  readonly logger: Logger;
}

/**
 * Takes the host's side of what a container that is about to start asks for.
 *
 * @param container identifier or name, as a request's path has it
 * @returns lets go of what is not published by then
 * @throws OrlopError `engine.port-taken`
 */
export async function reservePorts(
  container: string,
  { watcher, forwards, docker, logger }: ReservePortsOptions,
): Promise<() => void> {
  const asked = await watcher.asked(container);
  if (asked === undefined) return () => undefined; // dockerd will say
  try {
    return await forwards.reserve(asked);
  } catch (error) {
    // As dockerd does with one of `--rm` that does not start; its client waits for that.
    if (asked.autoRemove) {
      await docker
        .json({ method: 'DELETE', path: `/containers/${container}?v=1` })
        .catch((reason: Error) =>
          logger.debug('a container that did not start stays', { reason: reason.message }),
        );
    }
    throw error;
  }
}
