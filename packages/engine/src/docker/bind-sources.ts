import type { RequestHead } from './request-frames.ts';

type Json = Readonly<Record<string, unknown>>;

const CREATES = /^\/(?:containers\/create|volumes\/create|services\/create|services\/[^/]+\/update)$/;

/** Whether a request to Docker's API can name folders of the host. */
export function namesBindSources({ method, path }: RequestHead): boolean {
  return method === 'POST' && CREATES.test(path);
}

/**
 * The folders of the host that a request mounts, in every way that Docker's API has: `Binds` (`-v`), `Mounts`
 * (`--mount`, compose), services' mounts, and the volume driver `local` told to bind.
 * What is no JSON, or not of the expected shape, names none: dockerd refuses it itself.
 */
export function bindSources(body: string): string[] {
  let root: Json;
  try {
    root = record(JSON.parse(body));
  } catch {
    return [];
  }
  const host = record(root['HostConfig']);
  const task = record(record(root['TaskTemplate'])['ContainerSpec']);
  const sources: (string | undefined)[] = [
    ...list(host['Binds']).map((bind) => (typeof bind === 'string' ? bind.split(':', 1)[0] : undefined)),
    ...[...list(host['Mounts']), ...list(task['Mounts'])].map(record).map(mountSource),
    localVolumeSource(root),
    ...[...list(host['Mounts']), ...list(task['Mounts'])].map((mount) => {
      const driver = record(record(record(mount)['VolumeOptions'])['DriverConfig']);
      return localVolumeSource({ Driver: driver['Name'], DriverOpts: driver['Options'] });
    }),
  ];
  // What does not begin with a slash is the name of a volume.
  return [...new Set(sources.filter((source): source is string => source?.startsWith('/') === true))];
}

/** The same request with other sources of its `-v` and `--mount`. @param body of which {@link bindSources} knows some */
export function mapBindSources(body: string, map: (source: string) => string): string {
  const mapMounts = (holder: Json): Json =>
    Array.isArray(holder['Mounts'])
      ? { ...holder, Mounts: holder['Mounts'].map((mount) => mapMount(record(mount), map)) }
      : holder;
  const within = (holder: Json, name: string, change: (inner: Json) => Json): Json =>
    name in holder ? { ...holder, [name]: change(record(holder[name])) } : holder;
  const changed = within(record(JSON.parse(body)), 'HostConfig', (host) =>
    mapMounts({
      ...host,
      ...(Array.isArray(host['Binds']) && { Binds: host['Binds'].map((bind) => mapBind(bind, map)) }),
    }),
  );
  return JSON.stringify(within(changed, 'TaskTemplate', (task) => within(task, 'ContainerSpec', mapMounts)));
}

function mapBind(bind: unknown, map: (source: string) => string): unknown {
  if (typeof bind !== 'string') return bind;
  const [source = '', ...rest] = bind.split(':');
  return [map(source), ...rest].join(':');
}

function mapMount(mount: Json, map: (source: string) => string): Json {
  const source = mountSource(mount);
  return source === undefined ? mount : { ...mount, Source: map(source) };
}

function mountSource(mount: Json): string | undefined {
  const source = mount['Source'];
  return mount['Type'] === 'bind' && typeof source === 'string' ? source : undefined;
}

function localVolumeSource({ Driver: driver, DriverOpts: options }: Json): string | undefined {
  if (driver !== undefined && driver !== '' && driver !== 'local') return undefined;
  const { o, device } = record(options);
  if (typeof o !== 'string' || typeof device !== 'string') return undefined;
  return o.split(',').some((option) => option === 'bind' || option === 'rbind') ? device : undefined;
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
