import { os } from './quickjs.ts';
import { QuickJsFiles } from './quickjs-files.ts';
import { QuickJsProcesses, readFirstWord } from './quickjs-processes.ts';
import type { System, Time } from './system.ts';

/** The real machine, through QuickJS. */
export function quickJsSystem(): System {
  return { files: new QuickJsFiles(), processes: new QuickJsProcesses(), time: quickJsTime };
}

const quickJsTime: Time = {
  uptimeMs: () => Math.round(Number(readFirstWord('/proc/uptime')) * 1000),
  wallMs: () => Date.now(),
  pause: (durationMs) => os.sleep(durationMs),
  after: (delayMs, listener) => {
    const handle = os.setTimeout(listener, Math.max(0, delayMs));
    return () => os.clearTimeout(handle);
  },
};
