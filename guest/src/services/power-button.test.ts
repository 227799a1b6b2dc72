import { expect, test } from 'vitest';
import { paths } from '../paths.ts';
import { MemorySystem } from '../system/memory-system.ts';
import { hasKey, holdsPress, rememberPowerButton, watchPowerButton } from './power-button.ts';

/** What a QEMU q35 machine shows of its power button, and of its keyboard without one. */
const buttonKeys = '10000000000000 0\n';
const keyboardKeys = '402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n';

function inputEvent(type: number, code: number, value: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, type, true);
  view.setUint16(18, code, true);
  view.setInt32(20, value, true);
  return bytes;
}

test('hasKey reads the bits of sysfs', () => {
  expect(hasKey(buttonKeys, 116)).toBe(true);
  expect(hasKey(buttonKeys, 115)).toBe(false);
  expect(hasKey('0\n', 116)).toBe(false);
  expect(hasKey(keyboardKeys, 30)).toBe(true);
});

test('holdsPress finds the press among other events, and not the release', () => {
  const press = inputEvent(1, 116, 1);
  expect(holdsPress(new Uint8Array([...inputEvent(0, 0, 0), ...press]), 116)).toBe(true);
  expect(holdsPress(inputEvent(1, 116, 0), 116)).toBe(false);
  expect(holdsPress(press.subarray(0, 20), 116)).toBe(false);
});

test('watchPowerButton listens to devices that have the key only', () => {
  const system = new MemorySystem();
  system.files.put('/sys/class/input/event0/device/capabilities/key', '0\n');
  system.files.put('/sys/class/input/event1/device/capabilities/key', buttonKeys);
  let presses = 0;
  watchPowerButton(system, () => {
    presses += 1;
  });
  system.files.deliver('/dev/input/event0', inputEvent(1, 116, 1));
  system.files.deliver('/dev/input/event1', inputEvent(1, 116, 1));
  expect(presses).toBe(1);
});

test('rememberPowerButton leaves a mark of a press that comes during the boot or right at its end', () => {
  const system = new MemorySystem();
  system.files.put('/sys/class/input/event1/device/capabilities/key', buttonKeys);
  system.files.makeFolder(paths.state);
  const endWatch = rememberPowerButton(system);
  endWatch();
  expect(system.files.status(paths.powerPressed)).toBeUndefined();
  system.files.deliver('/dev/input/event1', inputEvent(1, 116, 1));
  expect(system.files.status(paths.powerPressed)?.kind).toBe('file');
});
