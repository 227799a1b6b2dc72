import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '@orlop/core';
import { temporaryFolder } from '@orlop/testkit';
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

  it('names what the system refused, without a stack', async () => {
    const folder = await temporaryFolder('report-error');
    const missing = join(folder.path, 'a', 'b');
    const error = await readFile(missing).catch((caught: unknown) => caught);
    await folder.remove();
    expect(report(error)).toEqual({
      status: 3,
      text: `orlop: open ${missing}: there is no such file or folder (ENOENT)\n`,
    });
  });

  it('says that the working folder is gone', () => {
    const gone = Object.assign(new Error('ENOENT: no such file or directory, uv_cwd'), {
      ...{ code: 'ENOENT', syscall: 'uv_cwd' },
    });
    expect(report(gone).text).toBe('orlop: the working folder: there is no such file or folder (ENOENT)\n');
  });

  it('says of a full disk where to make room', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect(report(full)).toEqual({
      status: 7,
      text: 'orlop: write: no space is left (ENOSPC)\n  hint: make room there; ORLOP_HOME and TMPDIR name folders on other file systems\n',
    });
  });

  it('says of anything else that it is a bug, with its stack', () => {
    const { status, text } = report(new TypeError('oops'));
    expect(status).toBe(70);
    expect(text).toMatch(/^orlop: this is a bug in Orlop: TypeError: oops\n +at /);
  });
});
