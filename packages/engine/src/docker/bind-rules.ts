import type { SharedPaths } from '../files/shared-paths.ts';
import { bindSources, mapBindSources, namesBindSources } from './bind-sources.ts';
import { type GateRules, PASS } from './request-gate.ts';

/** Docker's socket in the machine. */
const MACHINE_SOCKET = '/var/run/docker.sock';

/**
 * A container that mounts what the machine does not have would find an empty folder, made by dockerd on the spot; with
 * these rules its client is told, and what to do. One that mounts Docker's socket of the host, as Testcontainers does with what
 * `DOCKER_HOST` says, has that of the machine.
 */
export function bindRules(paths: SharedPaths): GateRules {
  return {
    concerns: namesBindSources,
    judge: async (_head, body) => {
      const text = body.toString('utf8');
      const sources = bindSources(text);
      for (const source of sources) {
        const refusal = await paths.refusal(source);
        if (refusal !== undefined) return { kind: 'refuse', status: 400, message: refusal };
      }
      if (!sources.some((source) => paths.isDockerSocket(source))) return PASS;
      const moved = (source: string) => (paths.isDockerSocket(source) ? MACHINE_SOCKET : source);
      return { kind: 'pass', body: Buffer.from(mapBindSources(text, moved)) };
    },
  };
}
