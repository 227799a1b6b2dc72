import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestMachine } from './guest-machine.ts';

/** A refusal comes at once, and whoever asks again without a pause takes the machine its processor. */
const POLL_MS = 100;

/** What a service may take from its start until it listens, under emulation beside other work. */
const TIMEOUT_MS = 180_000;

/** The port's user may still be on its way up: it is asked again as long as the machine runs. */
export async function fetchText(url: string, machine: GuestMachine): Promise<string> {
  const untilMs = machine.elapsedMs + TIMEOUT_MS;
  let ended = false;
  void machine.exited.then(() => {
    ended = true;
  });
  for (;;) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text();
    } catch (error) {
      if (ended || machine.elapsedMs > untilMs) throw error;
      await sleep(POLL_MS);
    }
  }
}
