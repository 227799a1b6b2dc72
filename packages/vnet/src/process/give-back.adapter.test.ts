import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Poller } from '../native/poller.ts';
import { letFilePagesGo } from './give-back.ts';

const MEBIBYTE = 1024 * 1024;

describe('letFilePagesGo', () => {
  it('halves the pages of files that are resident, and the program goes on', () => {
    const { library } = new Poller(process.platform, process.arch);
    const before = residentBytesOfFiles();
    expect(before).toBeGreaterThan(20 * MEBIBYTE);
    letFilePagesGo(library);
    expect(residentBytesOfFiles()).toBeLessThan(before / 2);
    expect(createHash('sha256').update('abc').digest('hex')).toMatch(/^ba7816bf8f01cfea/);
  });
});

function residentBytesOfFiles(): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(/RssFile:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
