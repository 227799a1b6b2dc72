import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ZoneConfig } from '../dns/zone.ts';
import { vnetError } from '../errors.ts';
import { type JsonSchema, validateSchema } from '../schema/json-schema.ts';
import { MACHINE_BODY, ZONE } from './api-schemas.ts';

/** What was changed while the network ran, and is to be there again when it was killed. */
export interface NetworkState {
  /** As people write them. */
  readonly forwards: readonly string[];
  readonly machines: readonly SavedMachine[];
  readonly zones: readonly ZoneConfig[];
}

export interface SavedMachine {
  readonly name: string;
  readonly mac: string;
  readonly forwards: readonly string[];
  readonly cable?: string;
  /** In base64. */
  readonly userData?: string;
}

export interface StateStore {
  load(): NetworkState;
  /** Atomic: a reader sees the old state or the new one. */
  save(state: NetworkState): void;
}

export const EMPTY_STATE: NetworkState = { forwards: [], machines: [], zones: [] };

const STATE: JsonSchema = {
  type: 'object',
  required: ['forwards', 'machines', 'zones'],
  properties: {
    forwards: { type: 'array', items: { type: 'string' } },
    machines: { type: 'array', items: MACHINE_BODY },
    zones: { type: 'array', items: ZONE },
  },
};

/** State in a JSON file of the user's own (0600), replaced by renaming; no file for no state. */
export function stateFile(path: string): StateStore {
  return {
    load: () => readState(path),
    save: (state) => {
      if (state.forwards.length + state.machines.length + state.zones.length === 0) {
        rmSync(path, { force: true });
        return;
      }
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.next`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(`${path}.next`, path);
    },
  };
}

/** @throws OrlopError `vnet.state-invalid` */
function readState(path: string): NetworkState {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_STATE;
    throw vnetError('vnet.state-invalid', `cannot read the state in ${path}`, { cause });
  }
  if (text === '') return EMPTY_STATE; // what a power cut leaves of a file that had just been replaced
  const value = parseJson(text);
  const problem = validateSchema(STATE, value)[0];
  if (problem === undefined) return value as NetworkState;
  throw vnetError('vnet.state-invalid', `${path} is not a network's state: ${problem.message}`, {
    hint: 'remove it, and add forwards and zones again',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
