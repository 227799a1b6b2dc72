import { describe, expect, it } from 'vitest';
import { listeningInodes } from './port-holder.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 0 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`;
const TABLE6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6711 1 0 100 0 0 10 0
   1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6712 1 0 100 0 0 10 0
`;

describe('listeningInodes', () => {
  it.each([
    ['127.0.0.1', 8080, ['4711'], []],
    ['0.0.0.0', 8080, ['4711'], []],
    ['127.0.0.2', 8080, [], []],
    ['127.0.0.1', 80, ['4713'], ['6712']],
    ['::', 8080, [], ['6711']],
    ['::1', 80, [], ['6712']],
    ['0.0.0.0', 81, [], []],
  ])('finds what listens on %s, port %i, or keeps others from it', (hostAddress, hostPort, four, six) => {
    const side = { protocol: 'tcp', hostAddress, hostPort } as const;
    expect([listeningInodes(TABLE, side), listeningInodes(TABLE6, side)]).toEqual([four, six]);
  });
});
