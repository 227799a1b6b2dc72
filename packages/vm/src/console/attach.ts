import type { Duplex } from 'node:stream';
import { untilDrained } from '@orlop/core';
import { type ConsoleCommand, ConsoleEscape, ESCAPE_HELP } from './escape.ts';

/** The two ends of a person's terminal. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: NodeJS.WritableStream;
}

export type AttachEnd = 'closed' | 'aborted' | Exclude<ConsoleCommand, 'help'>;

export interface AttachConsoleOptions {
  readonly signal?: AbortSignal;
  /** What a person is told, a line without its end. */
  readonly say: (line: string) => void;
  /** Calls its argument whenever this process goes on after it was stopped, until what it returns is called. */
  readonly onContinued?: (listener: () => void) => () => void;
}

/**
 * Joins a console and a terminal until the console closes, the signal is aborted, or the person asks for an end by
 * the escape. On a terminal every key goes to the guest, Ctrl-C too; elsewhere the input is passed as it is, and its
 * end means nothing. The terminal's mode is restored and the console closed before this resolves.
 */
export async function attachConsole(
  console: Duplex,
  { input, output }: Terminal,
  { signal, say, onContinued }: AttachConsoleOptions,
): Promise<AttachEnd> {
  const escapes = new ConsoleEscape();
  const raw = input.isTTY === true && input.setRawMode !== undefined;
  let onAbort = () => {};
  let onInput: (typed: Uint8Array) => void = () => {};
  const end = new Promise<AttachEnd>((resolve) => {
    console.once('close', () => resolve('closed'));
    console.on('error', () => resolve('closed')); // a machine that is killed breaks it off
    console.once('end', () => resolve('closed'));
    if (signal?.aborted) resolve('aborted');
    onAbort = () => resolve('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    onInput = (typed) => {
      const { bytes, commands } = raw ? escapes.receive(typed) : { bytes: typed, commands: [] };
      if (bytes.length > 0 && !console.write(bytes)) {
        input.pause();
        void untilDrained(console).then(() => {
          if (!console.destroyed) input.resume();
        });
      }
      for (const command of commands) {
        if (command === 'help') say(ESCAPE_HELP);
        else resolve(command);
      }
    };
  });
  if (raw) input.setRawMode?.(true);
  // The shell gave the terminal its own mode meanwhile, which Node does not know.
  const stopListening = onContinued?.(() => {
    if (raw) input.setRawMode?.(false);
    if (raw) input.setRawMode?.(true);
  });
  const listener = (typed: Buffer) => onInput(typed);
  input.on('data', listener);
  console.pipe(output, { end: false });
  try {
    return await end;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stopListening?.();
    console.unpipe(output);
    input.off('data', listener);
    input.pause();
    if (raw) input.setRawMode?.(false);
    console.destroy();
  }
}
