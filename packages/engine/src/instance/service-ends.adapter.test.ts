import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeServiceEnds } from './service-ends.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function said(text: string): Promise<string | undefined> {
  const path = join(folder.path, 'console.log');
  await writeFile(path, text);
  return describeServiceEnds(path, 'docker');
}

const STARTED = '[   12.10] orlop: service docker started (pid 210)\r\n';
const FIRST = `[   14.20] orlop: service docker ended with exit status 1; starting it again in 1 s\r
    time="2026-11-29" level=info msg="Starting up"\r
    unable to configure the Docker daemon: no such directive: größe\r
`;
const SECOND = '[   17.01] orlop: service docker ended with exit status 137; starting it again in 2 s\r\n';

describe('describeServiceEnds', () => {
  it('has nothing to say of a service that goes on, of another one, or without a log', async () => {
    expect(await said(STARTED)).toBe(undefined);
    expect(await said(FIRST.replace('docker', 'chrony'))).toBe(undefined);
    expect(await describeServiceEnds(join(folder.path, 'none'), 'docker')).toBe(undefined);
  });

  it("says the status and the last line of the service's log", async () => {
    expect(await said(STARTED + FIRST + STARTED)).toBe(
      'ended with exit status 1: unable to configure the Docker daemon: no such directive: größe',
    );
  });

  it('counts, and keeps the words that the log was shown with', async () => {
    expect(await said(FIRST + STARTED + SECOND)).toBe(
      'ended 2 times, at last with exit status 137: unable to configure the Docker daemon: no such directive: größe',
    );
    expect(await said(SECOND)).toBe('ended with exit status 137');
  });
});
