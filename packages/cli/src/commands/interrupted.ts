import type { CommandContext } from '../context.ts';
import { cliError } from '../errors.ts';

/** What a command ends with that the user no longer waits for, while the daemon goes on. */
export function interrupted({ signal }: CommandContext, goesOn: string): Error {
  const why = signal.reason instanceof Error ? signal.reason.message : 'stopped';
  return cliError('cli.interrupted', `${why}; ${goesOn}`, { hint: '`orlop status` tells how far it is' });
}

/** A request with which the daemon goes on when the user no longer waits for its answer: that is said. */
export async function orInterrupted<T>(
  context: CommandContext,
  { goesOn, request }: { readonly goesOn: string; readonly request: (signal: AbortSignal) => Promise<T> },
): Promise<T> {
  try {
    return await request(context.signal);
  } catch (error) {
    const isOurs = context.signal.aborted && error instanceof Error && error.name === 'AbortError';
    throw isOurs || error === context.signal.reason ? interrupted(context, goesOn) : error;
  }
}
