export { connectDaemon, unixTransport } from './daemon/daemon-client.ts';
export { type DaemonOptions, runDaemon } from './daemon/run-daemon.ts';
export { collectDiagnostics, type DiagnosticText, withoutSecrets } from './diagnose.ts';
export {
  type ContextOutcome,
  contextName,
  type DockerConfig,
  removeContext,
  selectContext,
  writeContext,
} from './docker/docker-context.ts';
export { linkSystemSocket, SYSTEM_SOCKET, unlinkSystemSocket } from './docker/system-socket.ts';
export { engineError } from './errors.ts';
export type { EngineSurroundings, ImageSource } from './instance/engine-surroundings.ts';
export {
  type DaemonPaths,
  daemonPaths,
  type EngineHome,
  type InstancePaths,
  instancePaths,
  knownInstance,
} from './instance/instance-paths.ts';
export { type MachineCommandOptions, runMachineCommand } from './machine-command.ts';
export {
  type InstalledClient,
  type InstalledPlugin,
  installDockerClient,
  removeDockerClient,
} from './programs/docker-client.ts';
export { ensureHostPrograms, type HostPrograms } from './programs/host-programs.ts';
export { parseRegistryName, type RegistryName } from './registry/image-names.ts';
export { LocalRegistry, type PushedImage, type RegistryStatus } from './registry/local-registry.ts';
export { registryPaths } from './registry/registry-paths.ts';
export { changedSettings, type EffectiveSetting, LayeredSettings } from './settings/layered-settings.ts';
export { changeSetting, checkChange, loadSettings } from './settings/load-settings.ts';
export {
  isSettingName,
  type SettingName,
  settingNames,
  settingOf,
  settingsTable,
} from './settings/schema.ts';
export { formatValue, parseValue } from './settings/setting-value.ts';
export { settingsSchema } from './settings/settings-schema.ts';
export { shellWord } from './shell-word.ts';
export { assertSocketPath } from './socket-path.ts';
