import { spawn } from 'node:child_process';
import { vmError } from './errors.ts';

export interface ToolResult {
  /** Undefined when the program was ended: by a signal, by its time limit, or by `enough`. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Ends the program (SIGKILL) after this time. @default 60_000 */
  readonly timeoutMs?: number;
  /** Ends the program (SIGKILL) once its standard error is enough to know. */
  readonly enough?: (stderr: string) => boolean;
}

/** What a program says is kept up to here. */
const MAX_OUTPUT_CHARS = 1 << 20;

/**
 * Runs a short-lived program to its end.
 * @throws OrlopError `vm.cancelled`, `vm.tool-missing` when it cannot be started
 */
export function runTool(
  path: string,
  args: readonly string[],
  { cwd, signal, timeoutMs = 60_000, enough }: ToolOptions = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(cancelled(path));
      return;
    }
    const child = spawn(path, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let failure: Error | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MAX_OUTPUT_CHARS) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_OUTPUT_CHARS) stderr += text;
      if (enough?.(stderr) === true) child.kill('SIGKILL');
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const onAbort = () => {
      failure = cancelled(path);
      child.kill('SIGKILL');
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (action: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      action();
    };
    child.on('error', (cause) =>
      settle(() => reject(vmError('vm.tool-missing', `"${path}" cannot be run`, { cause }))),
    );
    child.on('close', (status) =>
      settle(() => {
        if (failure === undefined) resolve({ status: status ?? undefined, stdout, stderr });
        else reject(failure);
      }),
    );
  });
}

function cancelled(path: string): Error {
  return vmError('vm.cancelled', `"${path}" was stopped`);
}
