import { seededRandom } from '@orlop/testkit';
import { IpAddress, IpPrefix } from '../ip/address.ts';
import { type LinkConditions, MemoryLink } from '../link/memory-link.ts';
import { Simulation } from '../link/simulation.ts';
import { createStack } from '../stack.ts';
import type { StackOptions } from '../stack-face.ts';

export interface TwoHostsOptions {
  readonly seed: number;
  readonly conditions?: LinkConditions;
  /** Both hosts. */
  readonly stack?: Partial<StackOptions>;
  readonly version?: 4 | 6;
}

/** Two hosts, 10.0.0.1 and 10.0.0.2 (or fd00::1 and ::2), on a link in memory with the same conditions both ways. */
export function twoHosts(options: TwoHostsOptions) {
  const random = seededRandom(options.seed);
  const conditions = options.conditions ?? {};
  const there = new MemoryLink(conditions, random);
  const back = new MemoryLink(conditions, random);
  const host = (id: number) => {
    const prefix = options.version === 6 ? `fd00::${id}/64` : `10.0.0.${id}/24`;
    const stack = createStack({
      mac: 0x020000000000 + id,
      addresses: [parsePrefix(prefix)],
      random,
      ...options.stack,
    });
    return { stack, address: parsePrefix(prefix).address };
  };
  const a = host(1);
  const b = host(2);
  const simulation = new Simulation([
    { machine: a.stack, out: there, in: back },
    { machine: b.stack, out: back, in: there },
  ]);
  return { a, b, there, back, simulation, random };
}

export function parsePrefix(text: string): IpPrefix {
  const prefix = IpPrefix.parse(text);
  if (prefix === undefined) throw new Error(`bad prefix ${text}`);
  return prefix;
}

export function parseAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(`bad address ${text}`);
  return address;
}
