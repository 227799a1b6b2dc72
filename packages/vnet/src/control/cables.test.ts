import { describe, expect, it } from 'vitest';
import { vnetError } from '../errors.ts';
import type { Link } from '../link/link.ts';
import { memoryCable } from '../testing/memory-cable.ts';
import { VirtualScheduler } from '../testing/virtual-scheduler.ts';
import { Cables } from './cables.ts';

function bench() {
  const scheduler = new VirtualScheduler();
  const listening = new Set<string>();
  const attached: string[] = [];
  let tries = 0;
  const connect = async (path: string): Promise<Link> => {
    tries++;
    if (!listening.has(path)) throw vnetError('vnet.link-failed', `nobody listens at ${path}`);
    return memoryCable({ scheduler })[0];
  };
  const attach = (_link: Link, name: string) => attached.push(name);
  return {
    cables: new Cables({ connect, attach, scheduler }),
    listening,
    attached,
    tries: () => tries,
    /** Lets virtual time pass, and what waits for a promise run in between. */
    pass: async (ms: number) => {
      for (let at = 0; at < ms; at += 50) {
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        scheduler.advance(50);
      }
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    },
  };
}

describe('Cables', () => {
  it('plugs in as soon as the machine listens, once', async () => {
    const { cables, listening, attached, pass } = bench();
    cables.plug('web', '/web');
    await pass(500);
    expect(attached).toEqual([]);
    listening.add('/web');
    await pass(500);
    expect(attached).toEqual(['web']);
  });

  it('gives up on a machine that does not listen within a minute', async () => {
    const { cables, listening, attached, pass, tries } = bench();
    cables.plug('web', '/web');
    await pass(61_000);
    const before = tries();
    listening.add('/web');
    await pass(1000);
    expect([attached, tries()]).toEqual([[], before]);
  });

  it('does not plug in at a machine that was taken away, nor at its earlier place', async () => {
    const { cables, listening, attached, pass } = bench();
    listening.add('/web').add('/old');
    cables.plug('db', '/old');
    cables.unplug('db');
    cables.plug('web', '/old');
    cables.plug('web', '/web');
    await pass(500);
    expect(attached).toEqual(['web']);
  });
});
