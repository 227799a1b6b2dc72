import { describe, expect, it } from 'vitest';
import { readContainerEvent } from './container-events.ts';

const event = (type: string, action: string, actor: Readonly<Record<string, unknown>> = { ID: 'c1' }) =>
  readContainerEvent(JSON.stringify({ Type: type, Action: action, Actor: actor }));

describe('readContainerEvent', () => {
  it('tells what changes a port from what only prepares or follows it', () => {
    expect(['start', 'die', 'rename'].map((action) => event('container', action))).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'changed' })),
    );
    expect(event('container', 'create')).toEqual({ kind: 'created', id: 'c1' });
    expect(event('container', 'destroy')).toEqual({ kind: 'destroyed', id: 'c1' });
    expect(
      ['exec_start: sh', 'top', 'health_status: healthy'].map((action) => event('container', action)),
    ).toEqual(Array.from({ length: 3 }, () => ({ kind: 'other' })));
  });

  it('tells networks that come and go from containers that join and leave one', () => {
    const actor = { ID: 'n1', Attributes: { container: 'c2' } };
    expect(event('network', 'connect', actor)).toEqual({ kind: 'moved', id: 'c2' });
    expect(event('network', 'disconnect', actor)).toEqual({ kind: 'moved', id: 'c2' });
    expect([event('network', 'create'), event('network', 'destroy')]).toEqual([
      { kind: 'networks' },
      { kind: 'networks' },
    ]);
  });

  it("takes a swarm's services for what changes its network's ports, and nothing of other things for a container's", () => {
    expect(['create', 'update', 'remove'].map((action) => event('service', action))).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'networks' })),
    );
    expect([event('volume', 'create'), event('volume', 'destroy')]).toEqual([
      { kind: 'other' },
      { kind: 'other' },
    ]);
  });

  it('takes what is no event for a change', () => {
    expect(readContainerEvent('{"Type":')).toEqual({ kind: 'changed' });
  });
});
