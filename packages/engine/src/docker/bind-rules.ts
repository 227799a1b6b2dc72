import type { SharedPaths } from '../files/shared-paths.ts';
import { bindSources, namesBindSources } from './bind-sources.ts';
import { type GateRules, PASS } from './request-gate.ts';

/**
 * A container that mounts what the machine does not have would find an empty folder, made by dockerd on the spot; with
 * these rules its client is told, and what to do.
 */
export function bindRules(paths: SharedPaths): GateRules {
  return {
    concerns: namesBindSources,
    judge: async (_head, body) => {
      for (const source of bindSources(body.toString('utf8'))) {
        const refusal = await paths.refusal(source);
        if (refusal !== undefined) return { kind: 'refuse', status: 400, message: refusal };
      }
      return PASS;
    },
  };
}
