import { describe, expect, test } from 'vitest';
import { fileCompliance } from './compliance.ts';
import { MemorySystem } from './memory-system.ts';

describe('MemorySystem', () => {
  test.each(fileCompliance)('$title', ({ check }) => {
    const system = new MemorySystem();
    system.files.makeFolder('/tmp/here');
    const [found, wanted] = check(system, '/tmp/here');
    expect(found).toEqual(wanted);
  });
});
