import type { Dependency } from './options.ts';

interface Dependent {
  readonly name: string;
  readonly dependsOn: readonly Dependency[];
}

/**
 * Names that can never start, each with the reason: a dependency that is not in the image, or a ring. The composer
 * refuses both; a service added by hand may still bring them.
 */
export function findImpossible(services: readonly Dependent[]): ReadonlyMap<string, string> {
  const byName = new Map(services.map((service) => [service.name, service]));
  const impossible = new Map<string, string>();
  for (const service of services) {
    const absent = service.dependsOn.find(({ name }) => !byName.has(name));
    if (absent !== undefined)
      impossible.set(service.name, `depends on ${absent.name}, which is not in this image`);
    else if (leadsTo(service.name, service, byName))
      impossible.set(service.name, 'depends on itself in the end');
  }
  return impossible;
}

function leadsTo(goal: string, from: Dependent, byName: ReadonlyMap<string, Dependent>): boolean {
  const seen = new Set<string>();
  const open = [...from.dependsOn];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.name === goal) return true;
    if (seen.has(next.name)) continue;
    seen.add(next.name);
    open.push(...(byName.get(next.name)?.dependsOn ?? []));
  }
  return false;
}

/** Services so ordered that each comes before those it depends on: the order in which to stop them. */
export function stopOrder(services: readonly Dependent[]): readonly string[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const startOrder: string[] = [];
  const seen = new Set<string>();
  const visit = (service: Dependent): void => {
    if (seen.has(service.name)) return;
    seen.add(service.name);
    for (const { name } of service.dependsOn) {
      const dependency = byName.get(name);
      if (dependency !== undefined) visit(dependency);
    }
    startOrder.push(service.name);
  };
  for (const service of services) visit(service);
  return startOrder.toReversed();
}
