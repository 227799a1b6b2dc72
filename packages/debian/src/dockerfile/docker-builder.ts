import { debianError } from '../errors.ts';
import { runTool } from '../tool.ts';
import { findDocker } from './docker-client.ts';

export interface BuilderRequest {
  readonly verbose?: boolean;
  /** A line that Docker says. */
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Says what the cache of the user's Docker for builds takes (`du`), or removes what nothing uses (`prune`).
 *
 * @throws OrlopError `debian.docker-missing`, `debian.docker-failed`
 */
export async function runDockerBuilder(
  what: 'du' | 'prune',
  { verbose = false, onLine, signal }: BuilderRequest,
): Promise<void> {
  const { buildWords } = await findDocker('the cache of builds is that of Docker', signal);
  const buildx = buildWords[0] === 'buildx';
  const words =
    what === 'prune'
      ? [...(buildx ? ['buildx', 'prune'] : ['builder', 'prune']), '--force']
      : // Without buildx only the summary of all that an engine holds names its cache.
        [...(buildx ? ['buildx', 'du'] : ['system', 'df']), ...(verbose ? ['--verbose'] : [])];
  const { status, stderr } = await runTool('docker', words, { signal, onLine });
  if (status !== 0)
    throw debianError('debian.docker-failed', `docker ${words.join(' ')} failed: ${stderr.trim()}`);
}
