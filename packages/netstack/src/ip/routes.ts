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

  /** Takes out the routes to exactly this prefix; harmless when there is none. */
  remove(prefix: IpPrefix): void {
    for (let at = this.#routes.length - 1; at >= 0; at--) {
      const own = this.#routes[at]?.prefix;
      if (own?.length === prefix.length && own.address.equals(prefix.address)) this.#routes.splice(at, 1);
    }
  }

  /** Undefined when no route leads there. */
  nextHop(destination: IpAddress): IpAddress | undefined {
    for (const route of this.#routes) {
      if (route.prefix.contains(destination)) return route.via ?? destination;
    }
    return undefined;
  }
}
