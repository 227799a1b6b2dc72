import { expect, it } from 'vitest';
import { SOAK_GUESTS, soak } from './testing/soak.ts';

it('VirtualNetwork: an hour of 50 guests on 50 links that connect, reboot, break off and are forwarded to leaves ' +
  'every table as it was after twenty minutes', async () => {
  const { failures, early, late, virtualMs, accepted, refused } = await soak({ warmUp: 10, minutes: 30 });
  expect(virtualMs).toBeGreaterThanOrEqual(3_600_000);
  expect(failures).toEqual([]);
  expect(late).toEqual(early);
  expect(early).toMatchObject({ tcpFlows: 0, udpFlows: 0, connections: 0, bufferedBytes: 0 });
  expect(early.ports).toBe(SOAK_GUESTS);
  expect({ accepted, refused }).toEqual({ accepted: 4000, refused: 2000 });
}, 600_000);
