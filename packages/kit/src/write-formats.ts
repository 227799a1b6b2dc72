import type { ArchiveEntry, EntryStream } from '@orlop/archive';
import { assert } from '@orlop/core';
import type { BuildOptions } from './build.ts';
import { type ComposeOptions, composeRootfs } from './compose/compose-rootfs.ts';
import { fileEntry } from './compose/entries.ts';
import { InputTar } from './compose/input-tar.ts';
import { DOCKERFILE } from './compose/layout-paths.ts';
import type { RootfsPlan } from './compose/rootfs-plan.ts';
import { BootPartsMaker } from './formats/boot-parts.ts';
import type { BootComponent, FormatInput, OutputFormat } from './formats/format.ts';
import { chooseCompression } from './formats/initrd-compression.ts';
import { Spool } from './formats/spool/spool.ts';
import type { StepClock } from './step-clock.ts';

/**
 * Composes a plan and writes it in all formats: straight through where one format takes the stream as it comes,
 * else from a spool, so that the images are read once.
 */
export async function writeFormats(
  plan: RootfsPlan,
  { sbom, options, clock }: { sbom: readonly ArchiveEntry[]; options: BuildOptions; clock: StepClock },
): Promise<void> {
  const { formats, outputs, signal } = options;
  const inputTar =
    options.inputTar === undefined
      ? undefined
      : await InputTar.open(options.inputTar, await outputs.workFolder());
  let spool: Spool | undefined;
  const bootParts = new BootPartsMaker();
  const bootComponentsOf = ({ name: format, bootComponents = [] }: OutputFormat) =>
    async function* (name: BootComponent): EntryStream {
      assert(bootComponents.includes(name), `the format ${format} does not say that it takes ${name}`);
      yield* (await options.resolver.component(name)).entries();
    };
  try {
    const compose = () => composeRootfs(plan, composeOptions(plan, inputTar, options));
    const spooling = formats.length > 1 || formats.some((format) => format.usesTree);
    const keep = async () => {
      spool ??= await Spool.write(withTail(compose(), sbom), await outputs.workFolder());
      return spool;
    };
    if (spooling) await clock.time('compose', keep);
    const compression = formats.some((format) => format.needsKernel)
      ? await chooseCompression((await keep()).tree(), options.initrdCompression)
      : 'gzip';
    for (const format of formats) {
      const tail = format.dockerfile ? [dockerfileEntry()] : [];
      const input: FormatInput = {
        stream: () =>
          spool === undefined ? withTail(compose(), [...tail, ...sbom]) : withTail(spool.stream(), tail),
        tree: async () => (await keep()).tree(),
      };
      await clock.time(format.name, () =>
        format.write({
          input,
          name: options.name,
          outputs: options.sink ?? outputs,
          architecture: options.architecture,
          initrdCompression: compression,
          ...(options.sizeMiB === undefined ? {} : { sizeMiB: options.sizeMiB }),
          bootParts,
          bootComponent: bootComponentsOf(format),
          signal,
        }),
      );
    }
  } finally {
    await bootParts.close();
    await spool?.remove();
    await inputTar?.close();
  }
}

function composeOptions(
  plan: RootfsPlan,
  inputTar: InputTar | undefined,
  { progress, signal, onStep }: BuildOptions,
): ComposeOptions {
  const total = plan.init.length + plan.containers.length + (plan.kernel === undefined ? 0 : 1);
  const sameInit = inputTar?.hasSameInit(plan.init) ?? false;
  let done = 0;
  return {
    onStep: (location, reference) => {
      signal.throwIfAborted();
      onStep?.(`Extract ${location}`, reference);
      progress({ task: 'compose', done: Math.min(++done, total), total, unit: 'items' });
    },
    ...(inputTar === undefined
      ? {}
      : {
          reuse: (content) => {
            if (content.location.startsWith('init[') && !sameInit) return undefined;
            const entries = inputTar.reuse(content);
            if (entries !== undefined) onStep?.(`Copy ${content.location}`, content.image.reference);
            return entries;
          },
        }),
  };
}

async function* withTail(entries: EntryStream, tail: readonly ArchiveEntry[]): EntryStream {
  yield* entries;
  yield* tail;
}

function dockerfileEntry(): ArchiveEntry {
  const text = 'FROM scratch\nCOPY . ./\nENTRYPOINT ["/bin/rc.init"]\n';
  return fileEntry(DOCKERFILE, text, { origin: { source: 'linuxkit.files', location: 'dockerfile' } });
}
