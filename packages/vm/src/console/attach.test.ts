import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { attachConsole } from './attach.ts';

/** A console whose guest is the test: `typed` is what reached it. */
function createConsole() {
  const console = new PassThrough();
  const typed: string[] = [];
  console.write = ((bytes: Uint8Array) => {
    typed.push(Buffer.from(bytes).toString());
    return true;
  }) as typeof console.write;
  return { console, typed };
}

/** A terminal, with the modes that it was put into. */
function createTerminal(isTTY: boolean) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode: (raw: boolean) => void modes.push(raw),
  });
  return { input, output: new PassThrough(), modes };
}

describe('attachConsole', () => {
  it('puts a terminal into raw mode and back, and ends by the escape', async () => {
    const { console, typed } = createConsole();
    const terminal = createTerminal(true);
    const said: string[] = [];
    const end = attachConsole(console, terminal, { say: (line) => void said.push(line) });
    terminal.input.write('ls\x03');
    terminal.input.write('\x1d?\x1dd');
    expect(await end).toBe('detach');
    expect(typed).toEqual(['ls\x03']);
    expect(terminal.modes).toEqual([true, false]);
    expect(said).toHaveLength(1);
    expect(console.destroyed).toBe(true);
  });

  it('takes the terminal back from the shell that it was stopped in', async () => {
    const { console } = createConsole();
    const terminal = createTerminal(true);
    const listeners = new Set<() => void>();
    const onContinued = (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };
    const end = attachConsole(console, terminal, { say: () => {}, onContinued });
    for (const listener of listeners) listener();
    expect(terminal.modes).toEqual([true, false, true]);
    console.push(null);
    expect(await end).toBe('closed');
    expect(terminal.modes).toEqual([true, false, true, false]);
    expect(listeners.size).toBe(0);
  });

  it('ends with a console that breaks off, and gives the terminal its mode back', async () => {
    const { console } = createConsole();
    const terminal = createTerminal(true);
    const end = attachConsole(console, terminal, { say: () => {} });
    console.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    expect(await end).toBe('closed');
    expect(terminal.modes).toEqual([true, false]);
  });

  it('reads no more of its input than the console takes', async () => {
    const console = new Duplex({ highWaterMark: 1, read: () => {}, write: () => {} }); // takes one piece, for ever
    const terminal = createTerminal(false);
    const end = attachConsole(console, terminal, { say: () => {} });
    for (let piece = 0; piece < 8; piece++) terminal.input.write(new Uint8Array(65_536));
    await new Promise(setImmediate);
    expect(console.writableLength).toBe(65_536);
    console.destroy();
    expect(await end).toBe('closed');
  });

  it('passes everything where there is no terminal, and ends with the console', async () => {
    const { console, typed } = createConsole();
    const terminal = createTerminal(false);
    const end = attachConsole(console, terminal, { say: () => {} });
    terminal.input.end('\x1dd');
    console.push('hello');
    console.push(null);
    expect(await end).toBe('closed');
    expect(typed).toEqual(['\x1dd']);
    expect(terminal.output.read()?.toString()).toBe('hello');
    expect(terminal.modes).toEqual([]);
  });

  it('ends when it is aborted, before or after', async () => {
    const terminal = createTerminal(true);
    const signal = AbortSignal.abort();
    expect(await attachConsole(createConsole().console, terminal, { signal, say: () => {} })).toBe('aborted');
    expect(terminal.modes).toEqual([true, false]);
  });
});
