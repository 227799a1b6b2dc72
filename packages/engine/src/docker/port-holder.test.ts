import { describe, expect, it } from 'vitest';
import { listeningInodes } from './port-holder.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 0 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
`;

describe('listeningInodes', () => {
  it('finds the socket that listens, and no connection of that port', () => {
    expect(listeningInodes(TABLE, { protocol: 'tcp', hostPort: 8080 })).toEqual(['4711']);
    expect(listeningInodes(TABLE, { protocol: 'tcp', hostPort: 80 })).toEqual(['4713']);
    expect(listeningInodes(TABLE, { protocol: 'tcp', hostPort: 81 })).toEqual([]);
  });
});
