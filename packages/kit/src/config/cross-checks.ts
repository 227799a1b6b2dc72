import { nearestWord } from '@orlop/core';
import { parseBind } from '../spec/mount.ts';
import { entryOf, type Located, type LocatedMap } from '../yaml/located.ts';
import type { ProblemList } from '../yaml/problems.ts';
import type { Placed } from '../yaml/shape.ts';
import type { ContainerYaml, FileYaml, ImageYaml, ServiceYaml, VolumeYaml } from './image-yaml.ts';

/** What the checks know of the whole description, including the parts that the schema refused. */
interface Known {
  readonly containers: ReadonlySet<string>;
  readonly volumes: ReadonlyMap<string, VolumeYaml['value'] | undefined>;
}

/** The checks that need more than one value: names that must be unique, and names of something elsewhere. */
export function crossCheck(yaml: ImageYaml, merged: LocatedMap, problems: ProblemList): void {
  const volumes = new Map<string, VolumeYaml['value'] | undefined>();
  for (const { text } of namesIn(merged, 'volumes')) volumes.set(text, undefined);
  for (const { value } of yaml.volumes ?? []) volumes.set(value.name.value, value);
  const sections = ['onboot', 'onshutdown', 'services'] as const;
  const containers = new Set(sections.flatMap((section) => namesIn(merged, section).map(({ text }) => text)));
  const known: Known = { containers, volumes };

  checkUnique(namesIn(merged, 'services'), 'service', problems);
  checkUnique(namesIn(merged, 'volumes'), 'volume', problems);
  for (const section of sections) {
    for (const container of yaml[section] ?? []) {
      checkVolumeUses(container, known, problems);
      checkIds(container, known, problems);
    }
  }
  for (const file of yaml.files ?? []) checkFileIds(file, known, problems);
  checkDependencies(yaml.services ?? [], namesIn(merged, 'services'), problems);
}

interface NameAt {
  readonly text: string;
  readonly node: Located;
  readonly path: string;
}

/** Every `name` of a section, whether or not the rest of its entry is right. */
function namesIn(merged: LocatedMap, section: string): readonly NameAt[] {
  const list = entryOf(merged, section)?.value;
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item, index) => {
    const name = item.kind === 'map' ? entryOf(item, 'name')?.value : undefined;
    return name?.kind === 'scalar' && typeof name.value === 'string'
      ? [{ text: name.value, node: name, path: `${section}[${index}]` }]
      : [];
  });
}

function checkUnique(names: readonly NameAt[], what: string, problems: ProblemList): void {
  const first = new Map<string, NameAt>();
  for (const name of names) {
    const earlier = first.get(name.text);
    if (earlier === undefined) {
      first.set(name.text, name);
      continue;
    }
    const { file, line } = earlier.node.position;
    const where = file === name.node.position.file ? `line ${line}` : `${file}:${line}`;
    problems.add(
      name.node.position,
      `${name.path}.name: duplicate ${what} name: ${name.text}: it stands already in ${where}`,
    );
  }
}

function checkVolumeUses(container: ContainerYaml, known: Known, problems: ProblemList): void {
  for (const bind of [...(container.binds ?? []), ...(container['binds.add'] ?? [])]) {
    const parsed = parseBind(bind.value);
    if ('message' in parsed) continue;
    const message = volumeUseProblem(parsed.value.source, parsed.value.options, known.volumes);
    if (message !== undefined) problems.add(bind.position, `${bind.path}: ${message}`);
  }
  for (const mount of container.mounts ?? []) {
    if (mount.value.type !== 'bind') continue;
    const message = volumeUseProblem(mount.value.source, mount.value.options, known.volumes);
    if (message !== undefined) problems.add(mount.position, `${mount.path}: ${message}`);
  }
}

/** A bind source without a leading slash names a volume. */
export function volumeUseProblem(
  source: string | undefined,
  options: readonly string[] | undefined,
  volumes: ReadonlyMap<string, { readonly readonly?: boolean } | undefined>,
): string | undefined {
  if (source === undefined || source.startsWith('/')) return undefined;
  if (!volumes.has(source)) {
    const near = nearestWord(source, [...volumes.keys()]);
    return `volume ${source} not found${near === undefined ? '' : `: did you mean "${near}"?`}`;
  }
  return volumes.get(source)?.readonly && !(options ?? []).includes('ro')
    ? `volume ${source} is read-only: bind it with the option "ro"`
    : undefined;
}

function checkIds(container: ContainerYaml, known: Known, problems: ProblemList): void {
  const ids = [container.uid, container.gid, ...(container.additionalGids ?? [])];
  for (const id of ids) checkId(id, known, problems);
}

function checkFileIds(file: FileYaml, known: Known, problems: ProblemList): void {
  for (const id of [file.value.uid, file.value.gid]) checkId(id, known, problems);
}

function checkId(id: Placed<number | string> | undefined, known: Known, problems: ProblemList): void {
  if (typeof id?.value !== 'string' || id.value === '' || id.value === 'root') return;
  if (known.containers.has(id.value)) return;
  const near = nearestWord(id.value, [...known.containers]);
  const hint = near === undefined ? ': a name here is that of a container' : `: did you mean "${near}"?`;
  problems.add(id.position, `${id.path}: cannot find id: ${id.value}${hint}`);
}

function checkDependencies(
  services: readonly ServiceYaml[],
  names: readonly NameAt[],
  problems: ProblemList,
): void {
  const byName = new Map(services.map((service) => [service.name.value, service]));
  const known = new Set(names.map(({ text }) => text));
  for (const service of services) {
    for (const { value, position, path } of service.dependsOn ?? []) {
      const target = byName.get(value.name);
      if (!known.has(value.name)) {
        const near = nearestWord(value.name, [...known]);
        const hint = near === undefined ? '' : `: did you mean "${near}"?`;
        problems.add(position, `${path}: no service is named "${value.name}"${hint}`);
      } else if (target !== undefined && value.condition === 'healthy' && target.health === undefined) {
        problems.add(position, `${path}: the service ${value.name} has no "health" to wait for`);
      } else if (value.condition === 'completed' && target?.restart?.policy === 'always') {
        problems.add(position, `${path}: the service ${value.name} is always restarted, so never completed`);
      }
    }
  }
  for (const ring of dependencyRings(byName)) {
    const [first] = ring;
    const at = first === undefined ? undefined : byName.get(first)?.dependsOn?.[0];
    if (at !== undefined) {
      problems.add(at.position, `services depend on each other in a ring: ${[...ring, first].join(' -> ')}`);
    }
  }
}

/** Each ring once, beginning with the service that stands first. */
function dependencyRings(byName: ReadonlyMap<string, ServiceYaml>): readonly (readonly string[])[] {
  const rings: string[][] = [];
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    const at = trail.indexOf(name);
    if (at >= 0) {
      rings.push(trail.slice(at));
      return;
    }
    if (done.has(name)) return;
    for (const { value } of byName.get(name)?.dependsOn ?? []) walk(value.name, [...trail, name]);
    done.add(name);
  };
  for (const name of byName.keys()) walk(name, []);
  return rings;
}
