import type { AnswerRules } from './docker-socket.ts';

const STARTS_OR_STOPS = /^\/containers\/[^/]+\/(?:start|stop|restart)$/;
const CONTAINER = /^\/containers\/[^/]+$/;
/** A client waits no longer than this for ports; they are opened all the same. */
const LIMIT_MS = 15_000;

/**
 * With these rules a container's published ports are open on the host when `docker run`, `docker start` or
 * `docker compose up` return, as they are where dockerd itself listens, and closed when `docker stop` or `docker rm` do.
 *
 * @param look resolves when the host's ports are as the containers are
 */
export function portAnswers(look: () => Promise<void>): AnswerRules {
  return {
    concerns: ({ method, path }) =>
      (method === 'POST' && STARTS_OR_STOPS.test(path)) || (method === 'DELETE' && CONTAINER.test(path)),
    ready: (signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, LIMIT_MS);
        signal.addEventListener('abort', () => resolve(), { once: true });
        look()
          .catch(() => undefined) // it is looked again when the next event comes
          .then(() => resolve())
          .finally(() => clearTimeout(timer));
      }),
  };
}
