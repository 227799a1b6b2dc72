import { lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerConfig } from '../docker/docker-context.ts';
import type { EngineHome } from '../instance/instance-paths.ts';
import { ensureHostPrograms, type HostProgramsOptions, writeScript } from './host-programs.ts';

/** Docker's client as it was put on this host. */
export interface InstalledClient {
  /** The folder for `PATH`. */
  readonly folder: string;
  readonly docker: string;
  readonly plugins: readonly InstalledPlugin[];
}

export interface InstalledPlugin {
  readonly name: string;
  /** Where the client looks for it. `kept`: the user has one of another origin there, which stays. */
  readonly path: string;
  readonly state: 'linked' | 'kept';
}

const PLUGINS = ['docker-buildx', 'docker-compose'] as const;
const PLUGIN_FOLDER = 'usr/libexec/docker/cli-plugins';

/**
 * Puts Debian's client with buildx and compose on the host: scripts in `bin` of the home, and links to the plugins where
 * the client looks for them, `cli-plugins` of its configuration.
 */
export async function installDockerClient(
  options: Omit<HostProgramsOptions, 'component'> & { readonly config: DockerConfig },
): Promise<InstalledClient> {
  const programs = await ensureHostPrograms({ ...options, component: 'docker-client' });
  const folder = clientFolder(options.home);
  const docker = join(folder, 'docker');
  await writeScript(docker, programs.script('usr/bin/docker'));
  const plugins: InstalledPlugin[] = [];
  for (const name of PLUGINS) {
    const script = join(folder, name);
    await writeScript(script, programs.script(`${PLUGIN_FOLDER}/${name}`));
    plugins.push(await link(script, { name, config: options.config }));
  }
  return { folder, docker, plugins };
}

/** Takes away what {@link installDockerClient} has put there. */
export async function removeDockerClient({
  home,
  config,
}: {
  readonly home: EngineHome;
  readonly config: DockerConfig;
}): Promise<void> {
  const folder = clientFolder(home);
  for (const name of PLUGINS) {
    const path = join(config.folder, 'cli-plugins', name);
    if ((await readlink(path).catch(() => '')) === join(folder, name)) await rm(path);
    await rm(join(folder, name), { force: true });
  }
  await rm(join(folder, 'docker'), { force: true });
}

function clientFolder({ home }: EngineHome): string {
  return join(home, 'bin');
}

async function link(
  script: string,
  { name, config }: { readonly name: string; readonly config: DockerConfig },
): Promise<InstalledPlugin> {
  const path = join(config.folder, 'cli-plugins', name);
  const present = await lstat(path).catch(() => undefined);
  if (present !== undefined) {
    const ours = (await readlink(path).catch(() => '')) === script;
    return { name, path, state: ours ? 'linked' : 'kept' };
  }
  await mkdir(join(config.folder, 'cli-plugins'), { recursive: true });
  await symlink(script, path);
  return { name, path, state: 'linked' };
}
