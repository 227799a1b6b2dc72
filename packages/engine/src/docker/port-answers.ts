import { OrlopError } from '@orlop/core';
import type { AnswerRules } from './join-client.ts';
import { type GateRules, PASS } from './request-gate.ts';

const STARTS = /^\/containers\/([^/]+)\/(?:start|restart)$/;
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
        const over = () => {
          clearTimeout(timer);
          // The signal is the connection's, which may ask for many more.
          signal.removeEventListener('abort', over);
          resolve();
        };
        const timer = setTimeout(over, LIMIT_MS);
        signal.addEventListener('abort', over, { once: true });
        look().then(over, over); // it is looked again when the next event comes
      }),
  };
}

/**
 * With these rules a container whose ports the host cannot give does not start, and its client is told as dockerd tells it
 * of a port that another container has: with 500, and who has it.
 *
 * @param reserve takes the host's side of what a container (by identifier or name) asks for; @throws OrlopError when it is
 * taken already
 */
export function portRules(reserve: (container: string) => Promise<() => void>): GateRules {
  return {
    concerns: ({ method, path }) => method === 'POST' && STARTS.test(path),
    judge: async ({ path }) => {
      const container = STARTS.exec(path)?.[1];
      if (container === undefined) return PASS;
      try {
        return { kind: 'pass', over: await reserve(container) };
      } catch (error) {
        if (!(error instanceof OrlopError) || error.code !== 'engine.port-taken') return PASS; // dockerd will say
        return { kind: 'refuse', status: 500, message: `orlop: ${error.message}` };
      }
    },
  };
}
