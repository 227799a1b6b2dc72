import { debianError } from '../errors.ts';
import { runTool, type ToolResult } from '../tool.ts';

/** The user's Docker, by its own client: contexts, DOCKER_HOST, credentials and certificates are the client's to read. */
export interface DockerClient {
  /** Version of the engine that answers. */
  readonly engine: string;
  /** The words of a build that ends with the image in the engine's store. */
  readonly buildWords: readonly string[];
}

/**
 * Asks the user's Docker whether it is there. `subject` says what is Docker's to do, as a clause: "a is built by Docker".
 *
 * @throws OrlopError `debian.docker-missing`, which says what is missing: the program, or the engine
 */
export async function findDocker(subject: string, signal: AbortSignal | undefined): Promise<DockerClient> {
  const version = await docker(['version', '--format', '{{.Server.Version}}'], { subject, signal });
  if (version.status !== 0) {
    const context = (await docker(['context', 'show'], { subject, signal })).stdout.trim();
    const said = version.stderr.trim().split('\n').at(-1) ?? '';
    throw debianError(
      'debian.docker-missing',
      `${subject}, and no engine answers in the context "${context}": ${said}`,
      { hint: 'start one, for instance by orlop up --use, or name one by DOCKER_HOST or docker context use' },
    );
  }
  const buildx = await docker(['buildx', 'version'], { subject, signal });
  return {
    engine: version.stdout.trim(),
    // A builder in a container keeps its result to itself unless told to load it; the old one knows no --load.
    buildWords: buildx.status === 0 ? ['buildx', 'build', '--load'] : ['build'],
  };
}

async function docker(
  words: readonly string[],
  { subject, signal }: { subject: string; signal: AbortSignal | undefined },
): Promise<ToolResult> {
  return await runTool('docker', words, { signal }).catch((error: { readonly code?: string }) => {
    if (error.code !== 'debian.tool-missing') throw error;
    throw debianError('debian.docker-missing', `${subject}, and the program docker is not in PATH`, {
      hint: "install Docker's client (Debian: docker-cli, docker.io before trixie) and an engine, for instance by orlop up --use; or describe the content by a section debian:",
      cause: error,
    });
  });
}
