import { OrlopError } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { DaemonClient, type Transport, type TransportRequest } from './client.ts';
import { encodeError } from './errors.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function answering(
  status: number,
  text: string,
): { readonly transport: Transport; readonly asked: TransportRequest[] } {
  const asked: TransportRequest[] = [];
  return {
    asked,
    transport: async (request) => {
      asked.push(request);
      return {
        status,
        body: (async function* () {
          yield bytes(text);
        })(),
      };
    },
  };
}

describe('DaemonClient', () => {
  it('asks by the method and path of the table, with the body as JSON', async () => {
    const { transport, asked } = answering(200, '{"name":"dev"}');
    await new DaemonClient(transport).start('dev', { settings: { cpus: 2 } });
    expect(asked).toEqual([
      { method: 'POST', path: '/v1/engines/dev/start', body: '{"settings":{"cpus":2},"fresh":false}' },
    ]);
  });

  it('throws the failure of the daemon with its code, kind, hint and problems', async () => {
    const failure = new OrlopError('engine.bad-setting', 'invalid', 'no', {
      hint: 'say yes',
      problems: [{ message: 'cpus' }],
    });
    const { status, body } = encodeError(failure);
    const { transport } = answering(status, JSON.stringify({ error: body }));
    await expect(new DaemonClient(transport).status()).rejects.toMatchObject({
      code: 'engine.bad-setting',
      kind: 'invalid',
      message: 'no',
      hint: 'say yes',
      problems: [{ message: 'cpus' }],
    });
  });

  it('throws api.bad-answer for an answer that is not JSON', async () => {
    const { transport } = answering(200, '<html>');
    await expect(new DaemonClient(transport).status()).rejects.toMatchObject({ code: 'api.bad-answer' });
  });

  it('reads events whatever pieces they come in', async () => {
    const text =
      ': listening\n\ndata: {"kind":"log","level":"info","line":"ü"}\n\ndata:{"kind":"log",\ndata: "level":"x","line":"y"}\r\n\r\n';
    const transport: Transport = async () => ({
      status: 200,
      body: (async function* () {
        for (const byte of bytes(text)) yield Uint8Array.of(byte);
      })(),
    });
    const seen = [];
    for await (const event of new DaemonClient(transport).events()) seen.push(event);
    expect(seen).toEqual([
      { kind: 'log', level: 'info', line: 'ü' },
      { kind: 'log', level: 'x', line: 'y' },
    ]);
  });
});
