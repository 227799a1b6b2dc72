import { ARCHITECTURES, type Architecture, parseArchitecture } from '@orlop/core';
import { cliError } from '../errors.ts';

/**
 * The architecture that a user has named, by any of its names.
 *
 * @param name @default that of the machine this runs on
 * @throws OrlopError `cli.unknown-architecture`
 */
export function readArchitecture(name: string = process.arch): Architecture {
  const architecture = parseArchitecture(name);
  if (architecture !== undefined) return architecture;
  throw cliError('cli.unknown-architecture', `there is no architecture "${name}"`, {
    hint: `one of ${ARCHITECTURES.join(', ')}`,
  });
}
