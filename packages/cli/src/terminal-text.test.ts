import { describe, expect, it } from 'vitest';
import { TerminalText } from './terminal-text.ts';

describe('TerminalText', () => {
  it.each([
    ['colours stay', '\x1b[1;31mred\x1b[0m\n', '\x1b[1;31mred\x1b[0m\n'],
    ['a question for the cursor goes', '(orlop) root:~# \x1b[6n[3.2] up\r\n', '(orlop) root:~# [3.2] up\r\n'],
    ['moves and erasures go', 'a\x1b[2J\x1b[Hb\x1b[?25l', 'ab'],
    ['a title goes', 'a\x1b]0;title\x07b\x1b]2;other\x1b\\c', 'abc'],
    ['a device string goes', 'a\x1bP$q"p\x1b\\b', 'ab'],
    ['a change of character set goes', 'a\x1b(0b', 'ab'],
    ['single controls go', 'a\x07\x08\x00\x9bb\tc', 'ab\tc'],
  ])('%s', (_what, text, passed) => {
    expect(new TerminalText().pass(text)).toBe(passed);
  });

  it('knows a sequence that comes in pieces, wherever it is cut', () => {
    const text = 'a\x1b[6nb\x1b[1mc\x1b]0;t\x07d';
    for (let cut = 0; cut <= text.length; cut++) {
      const terminal = new TerminalText();
      expect(terminal.pass(text.slice(0, cut)) + terminal.pass(text.slice(cut))).toBe('ab\x1b[1mcd');
    }
  });

  it('does not wait for ever for the end of a sequence', () => {
    const terminal = new TerminalText();
    const passed = terminal.pass(`\x1b]${'x'.repeat(1000)}\nmore\n`) + terminal.pass('and more\n');
    expect(passed).toContain('more\nand more\n');
  });
});
