import type { IpAddress, IpPrefix } from './address.ts';

export interface Route {
  readonly prefix: IpPrefix;
  /** Absent: on the link. */
  readonly via?: IpAddress;
}

/** Which next hop leads to a destination: the longest prefix wins. */
export class RouteTable {
  readonly #routes: Route[];

  constructor(routes: readonly Route[]) {
    this.#routes = [...routes].sort((a, b) => b.prefix.length - a.prefix.length);
  }

  add(route: Route): void {
    this.#routes.push(route);
    this.#routes.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Undefined when no route leads there. */
  nextHop(destination: IpAddress): IpAddress | undefined {
    for (const route of this.#routes) {
      if (route.prefix.contains(destination)) return route.via ?? destination;
    }
    return undefined;
  }
}
