import { describe, expect, it } from 'vitest';
import { parseConfig } from './documents.ts';

describe('parseConfig', () => {
  const parse = (more: string) =>
    parseConfig(
      new TextEncoder().encode(
        `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}${more}}`,
      ),
      'it',
    );

  it('lets a member called __proto__ stand for nothing that was not checked', () => {
    expect(parse(',"__proto__":{"config":{"Env":5}}').config).toBeUndefined();
    expect(parse(',"config":{"__proto__":{"Env":5}}').config?.Env).toBeUndefined();
  });

  it("leaves out what Go's encoders write as null", () => {
    expect(parse(',"author":null,"config":{"Env":null,"Cmd":["a"]}')).toEqual({
      ...{ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
      config: { Cmd: ['a'] },
    });
  });
});
