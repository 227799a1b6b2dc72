import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export interface CreateMetadataOptions {
  readonly file?: string;
}

/** `orlop metadata`: what a guest reads at its start. */
export function registerMetadata(program: Command, context: CommandContext): void {
  program
    .command('metadata')
    .description('metadata for machines')
    .command('create')
    .description('make a CD-ROM image with metadata, which the guest finds as the file config')
    .argument('<file.iso>', 'the image to write')
    .argument('[text]', 'the metadata, or - for standard input')
    .option('--file <file>', 'take the metadata from a file')
    .action(async (image: string, text: string | undefined, options: CreateMetadataOptions) => {
      const { createMetadata } = await import('./metadata-create.ts');
      await createMetadata({ image, text, file: options.file }, context);
    });
}
