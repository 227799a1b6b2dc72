import { nearestWord } from '@orlop/core';
import { kitError } from '../errors.ts';
import { diskFormats } from './disk-images.ts';
import type { BootComponent, OutputFormat } from './format.ts';
import { isoFormats } from './iso-images.ts';
import { kernelInitrdFormat, tarKernelInitrdFormat } from './kernel-initrd.ts';
import { ociFormat } from './oci-artifact.ts';
import { rootDiskFormats } from './root-disk.ts';
import { rpi3Format } from './rpi3.ts';
import { dockerFormat, tarFormat } from './tar.ts';
import { ukiFormat } from './uki.ts';

/** Every output format, in the order of `--help`. */
export const outputFormats: readonly OutputFormat[] = [
  kernelInitrdFormat,
  tarKernelInitrdFormat,
  tarFormat,
  dockerFormat,
  ...rootDiskFormats,
  ...isoFormats,
  ...diskFormats,
  ukiFormat,
  rpi3Format,
  ociFormat,
];

/** Boot components that exist for some architectures only. */
const ARCHITECTURES: Readonly<Partial<Record<BootComponent, readonly string[]>>> = {
  'boot-bios': ['amd64'],
  'boot-rpi3': ['arm64'],
};

/** What formats take from `pkg/` on an architecture, each once. */
export function bootComponentsOf(
  formats: readonly OutputFormat[],
  architecture: string,
): readonly BootComponent[] {
  const all = new Set(formats.flatMap(({ bootComponents = [] }) => bootComponents));
  return [...all].filter((name) => ARCHITECTURES[name]?.includes(architecture) ?? true);
}

/** @throws OrlopError `kit.unknown-format`, which names those there are */
export function findFormat(name: string): OutputFormat {
  const found = outputFormats.find((format) => format.name === name);
  if (found !== undefined) return found;
  const names = outputFormats.map((format) => format.name);
  const near = nearestWord(name, names);
  throw kitError('kit.unknown-format', `unknown format "${name}"`, {
    hint: `${near === undefined ? '' : `did you mean "${near}"? `}formats are ${names.join(', ')}`,
  });
}

/**
 * Formats of one build may write the same kernel; two that would overwrite each other's files are refused.
 * @throws OrlopError `kit.same-output`
 */
export function requireDistinctOutputs(formats: readonly OutputFormat[], name: string): void {
  const writers = new Map<string, OutputFormat>();
  for (const format of new Set(formats)) {
    for (const output of format.outputs(name)) {
      const other = writers.get(output);
      writers.set(output, format);
      const isCommon = (each: OutputFormat) => each.commonOutputs?.(name).includes(output) === true;
      if (other === undefined || (isCommon(other) && isCommon(format))) continue;
      throw kitError('kit.same-output', `${other.name} and ${format.name} both write ${output}`, {
        hint: 'build one of them by itself, under another --name',
      });
    }
  }
}
