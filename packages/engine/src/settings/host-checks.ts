import { stat } from 'node:fs/promises';
import { readNetworkConfig } from '@orlop/vnet';
import { engineError } from '../errors.ts';
import { assertNoShrink } from '../instance/data-disk.ts';
import { machineShares, readAuthorities } from '../instance/guest-configuration.ts';
import type { InstancePaths } from '../instance/instance-paths.ts';
import type { SettingName, SettingValue } from './schema.ts';

/**
 * Whether the host has what a setting names, so that it is said when it is set and not at the next start.
 *
 * @param options.paths of the engine that the setting is for; absent: for all
 * @throws OrlopError
 */
export async function checkOnHost(
  name: SettingName,
  value: SettingValue,
  { paths }: { readonly paths: InstancePaths | undefined },
): Promise<void> {
  const texts = Array.isArray(value) ? (value as readonly string[]) : [];
  switch (name) {
    case 'shares':
      await machineShares(texts);
      return;
    case 'certificates':
      await readAuthorities(texts);
      return;
    case 'disk':
      if (paths !== undefined) await assertNoShrink(paths.dataDisk, Number(value));
      return;
    case 'image':
      if (value === '' || (await stat(String(value)).catch(() => undefined))?.isFile() === true) return;
      throw engineError('engine.bad-setting', `image: there is no file ${String(value)}`);
    case 'network.subnet':
      readNetworkConfig({ name: 'check', subnet: String(value) });
      return;
    case 'network.dns':
      readNetworkConfig({ name: 'check', dns: texts });
      return;
    default:
      return;
  }
}
