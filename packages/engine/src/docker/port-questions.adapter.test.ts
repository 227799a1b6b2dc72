import { connect } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostSide } from './asked-ports.ts';
import { PortQuestions } from './port-questions.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let questions: PortQuestions;
let asked: HostSide[];

beforeEach(async () => {
  folder = await temporaryFolder();
  asked = [];
  const ask = async (side: HostSide) => {
    asked.push(side);
    await new Promise(setImmediate); // who asks has ended its side by then
    return side.hostPort === 32_768 ? 'Bind for 0.0.0.0:32768 failed' : undefined;
  };
  questions = new PortQuestions({ ask }, 't0ken');
  await questions.listen(join(folder.path, 'ports.sock'));
});
afterEach(async () => {
  questions.close();
  await folder.remove();
});

/** What it says to somebody who has said this, and no more. */
function say(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: join(folder.path, 'ports.sock'), allowHalfOpen: true });
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
    });
    socket.once('end', () => {
      socket.destroy();
      resolve(heard);
    });
    socket.once('error', reject);
    socket.end(text);
  });
}

describe('PortQuestions', () => {
  it('answers a line with ok, or with why not', async () => {
    expect(await say('t0ken tcp 0.0.0.0 32769\n')).toBe('ok\n');
    expect(await say('t0ken tcp 0.0.0.0 32768\n')).toBe('Bind for 0.0.0.0:32768 failed\n');
    expect(asked).toEqual(
      [32_769, 32_768].map((hostPort) => ({ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort })),
    );
  });

  it('tells nothing to whoever lacks the token, says something else, too much, or nothing', async () => {
    for (const text of [
      'other tcp 0.0.0.0 80\n',
      't0ken tcp here 80\n',
      'x'.repeat(70_000),
      '',
      't0ken tcp 0.0.0.0 80',
    ]) {
      expect(await say(text)).toBe('');
    }
    expect(asked).toEqual([]);
  });
});
