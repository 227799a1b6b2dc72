import { kitError } from '../errors.ts';
import { nearest } from '../yaml/shape.ts';
import { diskFormats } from './disk-images.ts';
import type { OutputFormat } from './format.ts';
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

/** @throws OrlopError `kit.unknown-format`, which names those there are */
export function findFormat(name: string): OutputFormat {
  const found = outputFormats.find((format) => format.name === name);
  if (found !== undefined) return found;
  const names = outputFormats.map((format) => format.name);
  const near = nearest(name, names);
  throw kitError('kit.unknown-format', `unknown format "${name}"`, {
    hint: `${near === undefined ? '' : `did you mean "${near}"? `}formats are ${names.join(', ')}`,
  });
}
