import type { ContextOutcome, InstancePaths } from '@orlop/engine';
import type { CommandContext } from '../context.ts';
import { dockerConfig, engineHome } from './engine-daemon.ts';

/** The Docker client's context for one engine, in the folder that the command's environment names. */
export interface DockerContext {
  readonly name: string;
  readonly paths: InstancePaths;
  /** Unless one of that name leads elsewhere. */
  write(): Promise<ContextOutcome>;
  /** Makes it what `docker` uses. */
  select(): Promise<void>;
  /** @returns whether there was one to this engine */
  remove(): Promise<boolean>;
}

/** @throws OrlopError `engine.bad-name` */
export async function dockerContext(context: CommandContext, engine: string): Promise<DockerContext> {
  const { contextName, instancePaths, removeContext, selectContext, writeContext } = await import(
    '@orlop/engine'
  );
  const paths = instancePaths(engineHome(context), engine);
  const config = dockerConfig(context);
  const target = { name: contextName(engine), socket: paths.dockerSocket };
  return {
    name: target.name,
    paths,
    write: () => writeContext(config, target),
    select: () => selectContext(config, target.name),
    remove: () => removeContext(config, target),
  };
}
