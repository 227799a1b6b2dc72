import { makeUnifiedKernel } from './efi.ts';
import type { OutputFormat } from './format.ts';

export const ukiFormat: OutputFormat = {
  name: 'uki',
  summary: 'unified kernel image: one program that UEFI starts',
  outputs: (name) => [`${name}.efi`],
  needsKernel: true,
  usesTree: true,
  bootComponents: ['boot-efi'],
  singleFile: true,
  async write(context) {
    const image = await makeUnifiedKernel(context, await context.bootParts.whole(context));
    await context.outputs.write(`${context.name}.efi`, image.open());
  },
};
