import { describe, expect, it } from 'vitest';
import { streamTool } from './tool.ts';

describe('streamTool', () => {
  it('ends, and fails as its input did, when the input breaks off', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode('begun');
      throw new Error('the input broke off');
    }
    const seen: string[] = [];
    const read = async () => {
      for await (const chunk of streamTool('cat', [], { input: broken() }))
        seen.push(Buffer.from(chunk).toString());
    };
    await expect(read()).rejects.toThrow('the input broke off');
    expect(seen.join('')).toMatch(/^(begun)?$/);
  });
});
