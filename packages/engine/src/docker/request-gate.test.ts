import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRequestHead, type RequestHead } from './request-frames.ts';
import { firstOf, PASS, RequestGate } from './request-gate.ts';

const get = 'GET /v1.45/info HTTP/1.1\r\nHost: d\r\n\r\n';
const sized = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: d\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const chunked = (path: string, ...parts: string[]) =>
  `POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n` +
  `${parts.map((part) => `${Buffer.byteLength(part).toString(16)};x=1\r\n${part}\r\n`).join('')}0\r\nT: 1\r\n\r\n`;
const create = '/v1.45/containers/create?name=x';
const attach = 'POST /v1.45/containers/abc/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\n';

/** Sends the text in pieces of the given sizes; refuses every request for `/containers/create` whose body says no. */
async function send(text: string, sizes: readonly number[] = [Number.POSITIVE_INFINITY]) {
  const answers: string[] = [];
  const judged: [RequestHead, string][] = [];
  const malformed: string[] = [];
  const waits: boolean[] = [];
  const gate = new RequestGate(
    {
      concerns: (head) => head.path === '/containers/create',
      judge: async (head, body) => {
        judged.push([head, body.toString()]);
        return body.includes('no') ? { kind: 'refuse', status: 400, message: 'not so' } : PASS;
      },
    },
    (answer) => answers.push(answer),
    { onMalformed: (answer) => malformed.push(answer), onWait: (isWaiting) => waits.push(isWaiting) },
  );
  const passed = buffer(gate);
  const bytes = Buffer.from(text);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    gate.write(bytes.subarray(at, at + size));
    at += size;
  }
  gate.end();
  return { passed: (await passed).toString(), answers, judged, malformed, waits };
}

describe('parseRequestHead', () => {
  it('reads a head full of white space in time that grows with its length', () => {
    const head = `GET / HTTP/1.1\r\nA: b${' '.repeat(60_000)}c\r\nContent-Length: \t7 \t`;
    const begin = performance.now();
    for (let i = 0; i < 20; i++)
      expect(parseRequestHead(head)).toMatchObject({ body: { kind: 'sized', bytes: 7 } });
    // A regular expression that tries again from each blank takes many times as long.
    expect(performance.now() - begin).toBeLessThan(2000);
  });
});

describe('RequestGate', () => {
  it('passes every byte as it came, in whatever pieces it comes', async () => {
    const requests = [
      get,
      sized(create, '{"a":"ä"}'),
      chunked('/build', 'abc', 'defg'),
      chunked(create, '{', '}'),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }),
        async (some, sizes) => {
          const text = some.join('');
          expect((await send(text, sizes)).passed).toBe(text);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('answers a refused request itself, and goes on with the next one', async () => {
    for (const request of [sized(create, '"no"'), chunked(create, '"n', 'o"')]) {
      const { passed, answers } = await send(`${get}${request}${get}`, [7]);
      expect(passed).toBe(get + get);
      expect(answers).toEqual([
        'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"message":"not so"}',
      ]);
    }
  });

  it('tells of a judged request that it lets through, before dockerd has all of it, with what the verdict gave', async () => {
    const told: string[] = [];
    const over = () => undefined;
    const rules = firstOf(
      { concerns: (head) => head.path === '/a', judge: async () => ({ kind: 'pass', over }) },
      {
        concerns: (head) => head.path === '/b',
        judge: async () => ({ kind: 'refuse', status: 500, message: 'b' }),
      },
    );
    const gate = new RequestGate(rules, (answer) => told.push(answer.slice(9, 12)), {
      onPass: (head, after) => told.push(`${head.path} ${after === over}`),
    });
    for (const path of ['/a', '/b', '/c']) gate.write(sized(path, 'x'));
    gate.end();
    expect((await buffer(gate)).toString()).toBe(sized('/a', 'x') + sized('/c', 'x'));
    expect(told).toEqual(['/a true', '500', '/c false']);
  });

  it('has a client send the body that it waits to be asked for, of a judged request alone', async () => {
    const body = '{"a":1}';
    const expecting = (path: string) =>
      `POST ${path} HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: ${body.length}\r\n\r\n`;
    const { answers, passed } = await send(`${expecting(create)}${body}${expecting('/build')}${body}`);
    expect(answers).toEqual(['HTTP/1.1 100 Continue\r\n\r\n']);
    expect(passed).toBe(`${expecting(create)}${body}${expecting('/build')}${body}`);
  });

  it('hands on another body where the verdict has one, in a head that says its length', async () => {
    const gate = new RequestGate(
      { concerns: () => true, judge: async () => ({ kind: 'pass', body: Buffer.from('ä') }) },
      () => undefined,
    );
    gate.end(`${chunked('/x', 'abc')}${sized('/y', 'abc')}`);
    expect((await buffer(gate)).toString()).toBe(
      'POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\näPOST /y HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\nä',
    );
  });

  it('sees a request after others whose bodies look like one', async () => {
    const { judged, passed } = await send(
      `${chunked('/images/load', sized(create, 'no'))}${sized('/x', get)}${sized(create, 'ok')}`,
      [11],
    );
    expect(judged.map(([head, body]) => [head.path, body])).toEqual([['/containers/create', 'ok']]);
    expect(passed).toContain('no');
  });

  it.each([
    ['an attach of an old client', attach],
    ['an upgrade', 'POST /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['what is no HTTP', `\u0000\u0001${'x'.repeat(100)}\r\n\r\n`],
    ['a head without an end', `GET /${'x'.repeat(70_000)}\r\n`],
    ['chunks that are none', 'POST /build HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('looks no further after %s', async (_what, text) => {
    const after = sized(create, 'no');
    const { passed, answers } = await send(text + after, [1000]);
    expect([passed === text + after, answers]).toEqual([true, []]);
  });

  it.each([
    ['a length that is none', 'GET / HTTP/1.1\r\nContent-Length: -4\r\n\r\n', 'Content-Length'],
    ['two lengths', 'GET / HTTP/1.1\r\nContent-Length: 4\r\ncontent-length: 5\r\n\r\n', 'two lengths'],
    [
      'a length and chunks',
      `POST ${create} HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'Content-Length and a Transfer-Encoding',
    ],
    [
      'chunks within another coding',
      `POST ${create} HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      'Transfer-Encoding',
    ],
    [
      'chunks twice',
      `POST ${create} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'Transfer-Encoding',
    ],
    [
      'chunks in HTTP/1.0',
      `POST ${create} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'Transfer-Encoding',
    ],
    ['white space before a colon', 'GET / HTTP/1.1\r\nContent-Length : 4\r\n\r\n', 'no header'],
    ['a folded line', 'GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n , x\r\n\r\n', 'no header'],
    ['a line feed alone', 'GET / HTTP/1.1\r\nHost: d\nContent-Length: 4\r\n\r\n', 'carriage return'],
    ['an end of two line feeds', 'GET / HTTP/1.1\r\nA: b\nHost: d\n\nGET / HTTP/1.1\r\n', 'carriage return'],
  ])('refuses %s, and takes no more', async (_what, text, reason) => {
    for (const size of [1, 1000]) {
      const { passed, answers, malformed } = await send(get + text + get, [size]);
      expect([passed, answers]).toEqual([get, []]);
      expect(malformed).toEqual([expect.stringContaining(reason)]);
      expect(malformed[0]).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*\r\nConnection: close\r\n/s);
    }
  });

  it('tells when it begins to wait for the rest of a request, and when it has it', async () => {
    const waits = async (text: string) => (await send(text, [5])).waits;
    expect(await waits(get)).toEqual([true, false]);
    expect(await waits(sized(create, 'ok'))).toEqual([true, false]);
    expect(await waits(get.slice(0, -1))).toEqual([true]);
    expect(await waits(sized(create, 'ok').slice(0, -1))).toEqual([true]);
    // Whoever sends much takes long.
    expect(await waits(sized('/images/load', 'x'.repeat(500)).slice(0, -100))).toEqual([true, false]);
  });

  it('passes on what there was of a request when the client ends', async () => {
    for (const text of ['GET /inf', sized(create, 'no').slice(0, -1)]) {
      expect((await send(text)).passed).toBe(text);
    }
  });
});

describe('parseRequestHead', () => {
  it('takes version and query off the path', () => {
    const head = (target: string) => {
      const parsed = parseRequestHead(`POST ${target} HTTP/1.1\r\nHost: d`);
      return parsed?.kind === 'head' ? parsed.path : undefined;
    };
    expect(head('/v1.45/containers/create?name=a')).toBe('/containers/create');
    expect(head('/containers/create')).toBe('/containers/create');
    expect(head('http://docker/v1.24/info')).toBe('/info');
  });
});
