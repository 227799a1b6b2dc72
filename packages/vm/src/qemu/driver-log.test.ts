import { describe, expect, it } from 'vitest';
import { firstWords, lastWords } from './driver-log.ts';

const text = [
  'qemu: module ui-ui-gtk not found, do you want to install qemu-system-gui package?',
  'qemu-system-x86_64: cannot set up guest memory',
  '',
  'second',
].join('\n');

describe('lastWords', () => {
  it("leaves out the program's name, empty lines and what a package lacks", () => {
    expect(lastWords(text)).toBe('cannot set up guest memory\nsecond');
  });
});

describe('firstWords', () => {
  it('is the first line that says something', () => {
    expect(firstWords(text)).toBe('cannot set up guest memory');
    expect(firstWords('')).toBe('');
  });
});
