import { describe, expect, it } from 'vitest';
import { ConsoleEscape } from './escape.ts';

/** Feeds pieces of text and returns all that reached the guest, and the commands. */
function feed(...pieces: string[]): { sent: string; commands: string[] } {
  const escapes = new ConsoleEscape();
  let sent = '';
  const commands: string[] = [];
  for (const piece of pieces) {
    const input = escapes.receive(Buffer.from(piece));
    sent += Buffer.from(input.bytes).toString();
    commands.push(...input.commands);
  }
  return { sent, commands };
}

describe('ConsoleEscape', () => {
  it('passes every key, Ctrl-C and multi-byte characters too', () => {
    expect(feed('ls\r\x03ä')).toEqual({ sent: 'ls\r\x03ä', commands: [] });
  });
  it('takes out the commands, also when the escape ends a piece', () => {
    expect(feed('a\x1ddb', '\x1d', 'q', '\x1dk\x1d?')).toEqual({
      sent: 'ab',
      commands: ['detach', 'power-off', 'kill', 'help'],
    });
  });
  it('sends one escape for two, and an escape before an unknown letter', () => {
    expect(feed('\x1d\x1d', '\x1dx')).toEqual({ sent: '\x1d\x1dx', commands: [] });
  });
});
