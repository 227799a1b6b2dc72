import { silentLogger } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { engineError } from '../errors.ts';
import type { AskedPorts } from './asked-ports.ts';
import { reservePorts } from './reserve-ports.ts';

function setup(asked: Partial<AskedPorts> | undefined, taken = true) {
  const requests: string[] = [];
  const options = {
    watcher: {
      asked: async () => asked && { container: 'web', autoRemove: false, bindings: {}, sides: [], ...asked },
    },
    forwards: {
      reserve: async () => {
        if (taken) throw engineError('engine.port-taken', 'nginx has it');
        return () => void requests.push('released');
      },
    },
    docker: {
      json: async ({ method, path }: { readonly method?: string; readonly path: string }) =>
        void requests.push(`${method} ${path}`),
    },
    logger: silentLogger,
  };
  return { requests, reserve: () => reservePorts('web', options) };
}

describe('reservePorts', () => {
  it('removes a container of --rm that does not start, and no other', async () => {
    const going = setup({ autoRemove: true });
    await expect(going.reserve()).rejects.toMatchObject({ code: 'engine.port-taken' });
    expect(going.requests).toEqual(['DELETE /containers/web?v=1']);
    const staying = setup({});
    await expect(staying.reserve()).rejects.toMatchObject({ code: 'engine.port-taken' });
    expect(staying.requests).toEqual([]);
  });

  it('leaves a container that is not there to dockerd, and hands on what lets go', async () => {
    const { requests, reserve } = setup({}, false);
    (await reserve())();
    expect(requests).toEqual(['released']);
    expect(await setup(undefined).reserve()).toBeTypeOf('function');
  });
});
