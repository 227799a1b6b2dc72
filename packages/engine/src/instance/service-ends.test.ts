import { describe, expect, it } from 'vitest';
import { describeServiceEnds } from './service-ends.ts';

const said = (text: string) => describeServiceEnds(text, 'docker');

const STARTED = '[   12.10] orlop: service docker started (pid 210)\r\n';
const FIRST = `[   14.20] orlop: service docker ended with exit status 1; starting it again in 1 s\r
    time="2026-11-29" level=info msg="Starting up"\r
    unable to configure the Docker daemon: no such directive: größe\r
`;
const SECOND = '[   17.01] orlop: service docker ended with exit status 137; starting it again in 2 s\r\n';

describe('describeServiceEnds', () => {
  it('has nothing to say of a service that goes on, of another one, or where nothing was said', () => {
    expect(said(STARTED)).toBe(undefined);
    expect(said(FIRST.replace('docker', 'chrony'))).toBe(undefined);
    expect(said('')).toBe(undefined);
  });

  it("says the status and the last line of the service's log", () => {
    expect(said(STARTED + FIRST + STARTED)).toBe(
      'ended with exit status 1: unable to configure the Docker daemon: no such directive: größe',
    );
  });

  it('counts, and keeps the words that the log was shown with', () => {
    expect(said(FIRST + STARTED + SECOND)).toBe(
      'ended 2 times, at last with exit status 137: unable to configure the Docker daemon: no such directive: größe',
    );
    expect(said(SECOND)).toBe('ended with exit status 137');
  });

  it("takes no line of the kernel's or the supervisor's for one of the log", () => {
    const soon = SECOND + STARTED.replace('   12.10', '    4.10');
    expect(said(soon)).toBe('ended with exit status 137');
  });
});
