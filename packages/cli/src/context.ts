import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { createLogger, type Logger, type LogLevel, type ReportProgress } from '@orlop/core';
import { cliError } from './errors.ts';
import { drawProgress } from './progress.ts';

/** What a command is given: the only way it reaches the process around it. */
export interface CommandContext {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process at once. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly progress: ReportProgress;
  readonly paths: StatePaths;
}

/** Where Orlop keeps what it keeps; every folder is the user's alone (0700). */
export interface StatePaths {
  /** `$ORLOP_HOME`, or `~/.orlop`. */
  readonly home: string;
  /** The store of images: an OCI image layout. */
  readonly cache: string;
  /** apt's private state, and the downloaded Debian packages. */
  readonly debian: string;
  /** One folder per machine, one per network; sockets too, so keep it short. */
  readonly machines: string;
  readonly networks: string;
  /** Results of probes, such as that of the accelerator. */
  readonly probes: string;
}

/**
 * @param cwd what a relative ORLOP_HOME starts from
 * @throws OrlopError `cli.no-home` when neither ORLOP_HOME nor HOME is set; one that is empty counts as not set
 */
export function statePaths(env: Readonly<Record<string, string | undefined>>, cwd: string): StatePaths {
  const home = resolve(cwd, env['ORLOP_HOME'] || join(env['HOME'] || missingHome(), '.orlop'));
  return {
    home,
    cache: join(home, 'cache'),
    debian: join(home, 'debian'),
    machines: join(home, 'machines'),
    networks: join(home, 'networks'),
    probes: join(home, 'probes'),
  };
}

/** @param env @default that of the process */
export function createContext(
  process: NodeJS.Process,
  { signal, env: given = process.env }: { signal: AbortSignal; env?: CommandContext['env'] },
): CommandContext {
  const env = given['HOME'] ? given : { ...given, HOME: userHome() };
  const level = parseLevel(env['ORLOP_LOG']);
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env,
    cwd: process.cwd(),
    signal,
    logger: createLogger(level, (line) => process.stderr.write(`${line}\n`)),
    progress: drawProgress(process.stderr, () => performance.now()),
    paths: statePaths(env, process.cwd()),
  };
}

function parseLevel(text: string | undefined): LogLevel {
  return text === 'debug' || text === 'info' || text === 'warn' || text === 'error' ? text : 'warn';
}

/** What the system says of the user where no environment does, as for a service; undefined where it knows none. */
function userHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

function missingHome(): never {
  throw cliError(
    'cli.no-home',
    'neither ORLOP_HOME nor HOME is set, and the system knows no home of this user',
    {
      hint: 'set ORLOP_HOME to a folder where Orlop may keep its state',
    },
  );
}
