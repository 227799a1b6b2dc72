import { type HostFacts, type SettingName, type SettingValue, settingNames, settingOf } from './schema.ts';
import type { SettingValues } from './settings-file.ts';

/** Where a value comes from; the later ones win, but for what a policy has locked. */
export const LAYERS = ['default', 'policy', 'user', 'instance', 'flag'] as const;
export type LayerName = (typeof LAYERS)[number];

export interface EffectiveSetting {
  readonly name: SettingName;
  readonly value: SettingValue;
  readonly layer: LayerName;
  readonly locked: boolean;
}

export interface LayeredInput {
  readonly host: HostFacts;
  readonly layers: Partial<Readonly<Record<Exclude<LayerName, 'default'>, SettingValues>>>;
  readonly locked: readonly SettingName[];
  /** What a machine has that was started before, whatever the layers say by now. */
  readonly machine?: SettingValues;
}

/** The settings of one engine with where each comes from. */
export class LayeredSettings {
  readonly #effective: ReadonlyMap<SettingName, EffectiveSetting>;

  constructor({ host, layers, locked, machine }: LayeredInput) {
    this.#effective = new Map(
      settingNames.map((name) => {
        const isLocked = locked.includes(name);
        let found: EffectiveSetting = {
          name,
          value: settingOf(name).fallback(host),
          layer: 'default',
          locked: isLocked,
        };
        for (const layer of LAYERS) {
          if (layer === 'default' || (isLocked && layer !== 'policy')) continue;
          const value = layers[layer]?.get(name);
          if (value !== undefined) found = { name, value, layer, locked: isLocked };
        }
        const held = machine?.get(name);
        return [name, held === undefined ? found : { ...found, value: held }];
      }),
    );
  }

  list(): EffectiveSetting[] {
    return [...this.#effective.values()];
  }

  find(name: SettingName): EffectiveSetting {
    const found = this.#effective.get(name);
    if (found === undefined) throw new Error(`the table has no ${name}`);
    return found;
  }

  number(name: SettingName): number {
    return Number(this.find(name).value);
  }

  text(name: SettingName): string {
    return String(this.find(name).value);
  }

  flag(name: SettingName): boolean {
    return this.find(name).value === true;
  }

  texts(name: SettingName): readonly string[] {
    const { value } = this.find(name);
    return Array.isArray(value) ? value : [];
  }

  object(name: SettingName): Readonly<Record<string, unknown>> {
    const { value } = this.find(name);
    return typeof value === 'object' && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : {};
  }
}

/** The settings that a machine keeps as it was started with them. */
export function machineSettings(settings: LayeredSettings): Record<string, SettingValue> {
  const held = settings.list().filter(({ name }) => settingOf(name).effect !== 'now');
  return Object.fromEntries(held.map(({ name, value }) => [name, value]));
}

/** What differs between two, by name. */
export function changedSettings(before: LayeredSettings, after: LayeredSettings): SettingName[] {
  return settingNames.filter(
    (name) => JSON.stringify(before.find(name).value) !== JSON.stringify(after.find(name).value),
  );
}
