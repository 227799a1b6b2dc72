import { expect, test } from 'vitest';
import { MemorySystem } from '../system/memory-system.ts';
import { rotateLog } from './log-files.ts';

const full = 'x'.repeat(1_048_576);

test('rotateLog leaves a small log alone', () => {
  const system = new MemorySystem();
  system.files.put('/var/log/a.log', 'small');
  rotateLog(system, '/var/log/a.log');
  expect(system.files.list('/var/log')).toEqual(['a.log']);
});

test('rotateLog empties the file in place and shifts the older ones', () => {
  const system = new MemorySystem();
  system.files.put('/var/log/a.log', full);
  system.files.put('/var/log/a.log.1', 'older');
  rotateLog(system, '/var/log/a.log');
  expect(system.files.read('/var/log/a.log')).toBe('');
  expect(system.files.read('/var/log/a.log.1')).toBe(full);
  expect(system.files.read('/var/log/a.log.2')).toBe('older');
});

test('rotateLog keeps ten files at most, and drops the oldest', () => {
  const system = new MemorySystem();
  for (let round = 0; round < 12; round += 1) {
    system.files.put('/var/log/a.log', `${round}${full}`);
    rotateLog(system, '/var/log/a.log');
  }
  expect(system.files.list('/var/log')).toHaveLength(10);
  expect(system.files.read('/var/log/a.log.9')?.startsWith('3')).toBe(true);
});
