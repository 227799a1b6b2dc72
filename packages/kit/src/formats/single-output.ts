import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { OrlopError } from '@orlop/core';
import { kitError } from '../errors.ts';
import type { OutputSet, OutputSink } from './output-set.ts';

/** A sink for formats of one file, which gets the name `path` whatever the format calls it. */
export function renamedSink(path: string, outputs: OutputSet): OutputSink {
  return {
    write: (_, content) => outputs.write(path, content),
    open: (): Promise<FileHandle> => outputs.open(path),
    workFolder: () => outputs.workFolder(),
  };
}

/** A sink for formats of one file that a device or a named pipe takes as they come. */
export function deviceSink(
  path: string,
  { outputs, signal }: { outputs: OutputSet; signal: AbortSignal },
): OutputSink {
  return {
    write: async (_, content) => {
      await pipeline(content, createWriteStream(path), { signal }).catch((cause: unknown) => {
        signal.throwIfAborted();
        if (cause instanceof OrlopError) throw cause;
        throw kitError('kit.output-failed', `cannot write ${path}`, { cause });
      });
    },
    open: notAtRandom,
    workFolder: () => outputs.workFolder(),
  };
}

/** A sink for formats of one file that goes to a stream, such as standard output. */
export function streamSink(stream: NodeJS.WritableStream, outputs: OutputSet): OutputSink {
  return {
    async write(_, content) {
      for await (const chunk of content) {
        if (!stream.write(chunk)) await once(stream, 'drain');
      }
    },
    open: notAtRandom,
    workFolder: () => outputs.workFolder(),
  };
}

function notAtRandom(): never {
  throw kitError('kit.output-failed', 'this format cannot be written to a stream');
}
