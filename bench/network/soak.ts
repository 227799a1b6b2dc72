import { SOAK_GUESTS, soak } from '../../packages/vnet/src/testing/soak.ts';

const WARM_UP_MINUTES = 10;

/** What the tables and timers of a network hold after an hour or more of 50 guests, in virtual time. Fails on growth. */
export async function runSoak({
  values: { minutes },
}: {
  readonly values: { readonly minutes: number };
}): Promise<void> {
  const startedMs = performance.now();
  const { failures, early, late, virtualMs, accepted, refused } = await soak({
    warmUp: WARM_UP_MINUTES,
    minutes,
  });
  const hours = (virtualMs / 3_600_000).toFixed(2);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  console.log(
    `${SOAK_GUESTS} guests for ${hours} h of virtual time, in ${seconds} s; ${accepted} connections, ${refused} refused`,
  );
  console.log(`${'table'.padEnd(16)}after ${WARM_UP_MINUTES} min  after ${WARM_UP_MINUTES + minutes} min`);
  const grown: string[] = [];
  for (const [name, before] of Object.entries(early)) {
    const after = late[name as keyof typeof late];
    console.log(`${name.padEnd(16)}${String(before).padStart(12)}  ${String(after).padStart(12)}`);
    if (after > before) grown.push(name);
  }
  const wrong = [...failures, ...grown.map((name) => `${name} grows`)];
  for (const one of wrong) console.log(`WRONG: ${one}`);
  if (wrong.length > 0) process.exitCode = 1;
}
