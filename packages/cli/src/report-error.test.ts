import { OrlopError } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { reportError } from './report-error.ts';

const report = (error: unknown) => {
  let text = '';
  const status = reportError(error, (piece) => {
    text += piece;
  });
  return { status, text };
};

describe('reportError', () => {
  it('prints message, problems, causes and hint, and exits by the kind', () => {
    const error = new OrlopError('a.b', 'denied', 'no', {
      cause: new Error('locked'),
      hint: 'knock',
      problems: [{ message: 'x', position: { file: 'f', line: 1, column: 2 } }],
    });
    expect(report(error)).toEqual({
      status: 6,
      text: 'orlop: no\n  f:1:2: x\n  because: locked\n  hint: knock\n',
    });
  });

  it("lets nothing of a stranger's text steer the terminal", () => {
    const error = new OrlopError('a.b', 'invalid', 'key "\u001b[2J\r\u009b1mé\tb\n"');
    expect(report(error).text).toBe('orlop: key "\ufffd[2J\ufffd\ufffd1mé\tb\n"\n');
  });

  it('says of anything else that it is a bug, with its stack', () => {
    const { status, text } = report(new TypeError('oops'));
    expect(status).toBe(70);
    expect(text).toMatch(/^orlop: this is a bug in Orlop: TypeError: oops\n +at /);
  });
});
