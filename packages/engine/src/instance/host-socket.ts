import type { Duplex } from 'node:stream';
import type { Logger } from '@orlop/core';
import { bindRules } from '../docker/bind-rules.ts';
import { DockerSocket } from '../docker/docker-socket.ts';
import { portAnswers, portRules } from '../docker/port-answers.ts';
import { firstOf } from '../docker/request-gate.ts';
import type { EngineShares } from '../files/engine-shares.ts';
import { SharedPaths } from '../files/shared-paths.ts';
import { parseShares } from './guest-configuration.ts';
import { KeptSocket } from './kept-socket.ts';

export interface HostSocketOptions {
  readonly path: string;
  readonly logger: Logger;
  /** A connection to dockerd; an engine that rests is woken for it. */
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
  /** The setting `shares`, as the engine that runs has it. */
  readonly shares: () => readonly string[];
  /** Resolves when the host's ports are as the containers are. */
  readonly settlePorts: () => Promise<void>;
  /** Takes the host's side of what a container asks for, until the answer's result is called. @throws OrlopError `engine.port-taken` */
  readonly reservePorts: (container: string) => Promise<() => void>;
  /** Folders of which the machine has a copy at the same path. */
  readonly copies: () => readonly string[];
  /** Those of the engine that runs: what is not served any more, or was replaced. */
  readonly engineShares: () => EngineShares | undefined;
  /** The number of connections has changed. */
  readonly onCount: () => void;
}

/** Docker's socket of one engine on the host. */
export function hostSocket(options: HostSocketOptions): KeptSocket {
  const { path, logger, open, shares, copies, engineShares, settlePorts, reservePorts, onCount } = options;
  const paths = new SharedPaths({
    shares: () => [...parseShares(shares()).map((share) => share.path), ...copies()],
    setting: shares,
    lost: () => engineShares()?.lost ?? [],
    replaced: () => engineShares()?.replaced ?? [],
    look: async () => engineShares()?.look(),
    dockerSocket: path,
  });
  const rules = firstOf(bindRules(paths), portRules(reservePorts));
  const answers = portAnswers(settlePorts);
  return new KeptSocket(path, () => new DockerSocket({ logger, onCount, open, rules, answers }));
}
