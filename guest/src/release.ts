import { paths } from './paths.ts';
import type { System } from './system/system.ts';

/** What this guest is, as its image was built. */
export interface Release {
  readonly version: string;
}

/** The record that the init component carries; an image without one still boots. */
export function readRelease(system: System): Release {
  const text = system.files.read(paths.release);
  if (text !== undefined) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (
        typeof parsed === 'object' &&
        parsed !== null &&
        'version' in parsed &&
        typeof parsed.version === 'string'
      ) {
        return { version: parsed.version };
      }
    } catch {
      // Falls through: a record that does not parse says as little as none.
    }
  }
  return { version: '(unknown version)' };
}
