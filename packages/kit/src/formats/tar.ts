import { writeTar } from '@orlop/archive';
import type { OutputFormat } from './format.ts';

export const tarFormat: OutputFormat = {
  name: 'tar',
  summary: 'the root file system as a tar archive',
  outputs: (name) => [`${name}.tar`],
  needsKernel: false,
  singleFile: true,
  write: ({ input, name, outputs }) => outputs.write(`${name}.tar`, writeTar(input.stream())),
};

/** As `docker build -` takes it: the root with a Dockerfile that starts it as a container. */
export const dockerFormat: OutputFormat = {
  name: 'docker',
  summary: 'a tar archive with a Dockerfile, for docker build -',
  outputs: (name) => [`${name}.docker`],
  needsKernel: false,
  dockerfile: true,
  singleFile: true,
  write: ({ input, name, outputs }) => outputs.write(`${name}.docker`, writeTar(input.stream())),
};
