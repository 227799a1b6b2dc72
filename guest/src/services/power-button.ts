import { paths } from '../paths.ts';
import type { System } from '../system/system.ts';

/** linux/input-event-codes.h */
const EV_KEY = 1;
const KEY_POWER = 116;
/** struct input_event on a 64-bit machine: time (16 bytes), type, code (2 each), value (4), little-endian. */
const eventSizeBytes = 24;

/**
 * Calls back when the power button is pressed: by a hand, by ACPI, or by QMP's `system_powerdown`.
 *
 * @returns what ends the watch
 */
export function watchPowerButton(system: System, pressed: () => void): () => void {
  const stops: (() => void)[] = [];
  for (const name of system.files.list('/sys/class/input')) {
    if (!name.startsWith('event')) continue;
    const keys = system.files.read(`/sys/class/input/${name}/device/capabilities/key`) ?? '';
    if (!hasKey(keys, KEY_POWER)) continue;
    const stop = system.files.watch(`/dev/input/${name}`, (bytes) => {
      if (holdsPress(bytes, KEY_POWER)) pressed();
    });
    stops.push(stop);
  }
  return () => {
    for (const stop of stops) stop();
  };
}

/** Long enough for the event loop to look at the devices once. */
const lastLookMs = 20;

/**
 * Keeps a press that comes while the machine is still coming up, when nobody can act on it: the kernel holds events
 * for whoever has the device open. The supervisor finds the mark.
 *
 * @returns what takes the last look, to be called when the boot is over
 */
export function rememberPowerButton(system: System): () => void {
  const stop = watchPowerButton(system, () => {
    system.files.write(paths.powerPressed, '');
  });
  return () => {
    system.time.after(lastLookMs, stop);
  };
}

/** sysfs prints the bitmap as hexadecimal words of 64 bits, the highest first, zero words ahead left out. */
export function hasKey(bitmap: string, key: number): boolean {
  const words = bitmap.trim().split(/\s+/).toReversed();
  const word = words[Math.floor(key / 64)];
  if (word === undefined || !/^[0-9a-f]+$/.test(word)) return false;
  return ((BigInt(`0x${word}`) >> BigInt(key % 64)) & 1n) === 1n;
}

export function holdsPress(bytes: Uint8Array, key: number): boolean {
  for (let at = 0; at + eventSizeBytes <= bytes.length; at += eventSizeBytes) {
    const word = (offset: number): number => (bytes[at + offset] ?? 0) | ((bytes[at + offset + 1] ?? 0) << 8);
    // Value 1 is the press, 0 the release, 2 a repeat.
    if (word(16) === EV_KEY && word(18) === key && word(20) === 1) return true;
  }
  return false;
}
