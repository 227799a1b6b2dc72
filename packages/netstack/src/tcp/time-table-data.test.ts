import { describe, expect, it } from 'vitest';
import {
  expectedRows,
  OPENED,
  OPENED_WITH_SACK,
  PLAIN,
  type Row,
  runTable,
  type TimeTable,
} from '../testing/time-table.ts';

const TABLES: readonly TimeTable[] = [
  {
    title: 'data beyond the FIN is not delivered, and the FIN is reached all the same (RFC 9293 §3.10.7.4)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', 'F. 101 ack 1'],
      [20, 'in', '. 1:201 ack 1'],
      [20, 'tell', 'end'],
      [20, 'out', '. 1 ack 102'],
    ],
  },
  {
    title: 'data is retransmitted after the time-out, twice as late each time (RFC 6298)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'write 100'],
      [10, 'out', 'P. 1:101 ack 1'],
      [210, 'out', 'P. 1:101 ack 1'],
      [610, 'out', 'P. 1:101 ack 1'],
      [1410, 'out', 'P. 1:101 ack 1'],
      [1500, 'in', '. 1 ack 101'],
      [9000, 'in', '. 1 ack 101'],
    ],
  },
  {
    title: 'the third duplicate acknowledgement retransmits without SACK (RFC 5681, RFC 6582)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'write 5000'],
      [10, 'out', '. 1:1001 ack 1'],
      [10, 'out', '. 1001:2001 ack 1'],
      [10, 'out', '. 2001:3001 ack 1'],
      [10, 'out', '. 3001:4001 ack 1'],
      [10, 'out', 'P. 4001:5001 ack 1'],
      [20, 'in', '. 1 ack 1'],
      [21, 'in', '. 1 ack 1'],
      [22, 'in', '. 1 ack 1'],
      [22, 'out', 'P. 1:1001 ack 1'],
      // A partial acknowledgement: the next hole goes at once.
      [30, 'in', '. 1 ack 2001'],
      [30, 'out', 'P. 2001:3001 ack 1'],
      [40, 'in', '. 1 ack 5001'],
    ],
  },
  {
    title: 'three SACKed segments retransmit the holes below them, and nothing else (RFC 6675)',
    stack: PLAIN,
    rows: [
      ...OPENED_WITH_SACK,
      [10, 'app', 'write 8000'],
      ...[0, 1, 2, 3, 4, 5, 6].map((n): Row => [10, 'out', `. ${n * 1000 + 1}:${n * 1000 + 1001} ack 1`]),
      [10, 'out', 'P. 7001:8001 ack 1'],
      [20, 'in', '. 1 ack 1 <sack 1001:2001>'],
      [21, 'in', '. 1 ack 1 <sack 1001:2001,3001:4001>'],
      [22, 'in', '. 1 ack 1 <sack 1001:2001,3001:4001,5001:6001>'],
      [22, 'out', 'P. 1:1001 ack 1'],
      // Half of eight segments may be in flight: each SACK frees room for one.
      [23, 'in', '. 1 ack 1 <sack 1001:2001,3001:4001,5001:7001>'],
      [23, 'out', 'P. 2001:3001 ack 1'],
      [24, 'in', '. 1 ack 1 <sack 1001:2001,3001:4001,5001:8001>'],
      [24, 'out', 'P. 4001:5001 ack 1'],
      [30, 'in', '. 1 ack 4001 <sack 5001:8001>'],
      [40, 'in', '. 1 ack 8001'],
    ],
  },
  {
    title: 'data beyond a hole is reported by SACK, newest first, and acknowledged at once',
    stack: PLAIN,
    rows: [
      ...OPENED_WITH_SACK,
      [10, 'in', '. 1001:2001 ack 1'],
      [10, 'out', '. 1 ack 1 <sack 1001:2001>'],
      [11, 'in', '. 3001:4001 ack 1'],
      [11, 'out', '. 1 ack 1 <sack 3001:4001,1001:2001>'],
      [12, 'in', '. 1:1001 ack 1'],
      [12, 'out', '. 1 ack 2001 <sack 3001:4001>'],
      [13, 'in', '. 2001:3001 ack 1'],
      [13, 'out', '. 1 ack 4001'],
    ],
  },
  {
    title: 'acknowledgements are delayed after the first eight, but every second full segment has one',
    stack: PLAIN,
    rows: [
      ...OPENED,
      ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((n): Row[] => [
        [10 + n, 'in', `. ${1 + n * 1000}:${1001 + n * 1000} ack 1`],
        [10 + n, 'out', `. 1 ack ${1001 + n * 1000}`],
      ]),
      [100, 'in', '. 8001:9001 ack 1'],
      [140, 'out', '. 1 ack 9001'],
      [200, 'in', '. 9001:10001 ack 1'],
      [210, 'in', '. 10001:11001 ack 1'],
      [210, 'out', '. 1 ack 11001'],
    ],
  },
  {
    title: 'small writes wait for an acknowledgement (Nagle), or not',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'write 10'],
      [10, 'out', 'P. 1:11 ack 1'],
      [11, 'app', 'write 10'],
      [12, 'app', 'write 10'],
      [50, 'in', '. 1 ack 11'],
      [50, 'out', 'P. 11:31 ack 1'],
      [51, 'app', 'no-delay'],
      [52, 'app', 'write 10'],
      [52, 'out', 'P. 31:41 ack 1'],
    ],
  },
  {
    title: 'a closed window is probed, later and later, for as long as the peer answers (RFC 9293 §3.8.6.1)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', '. 1 ack 1 win 0'],
      [20, 'app', 'write 100'],
      [220, 'out', '. 1:2 ack 1'],
      [225, 'in', '. 1 ack 1 win 0'],
      [620, 'out', 'P. 1:2 ack 1'],
      [630, 'in', '. 1 ack 1 win 0'],
      [1420, 'out', 'P. 1:2 ack 1'],
      [1435, 'in', '. 1 ack 1 win 5000'],
      [1435, 'out', 'P. 1:2 ack 1'],
      [1440, 'in', '. 1 ack 2 win 5000'],
      [1440, 'out', 'P. 2:101 ack 1'],
      [1450, 'in', '. 1 ack 101 win 5000'],
    ],
  },
  {
    title: 'our window closes when the program does not read, and opens again when it does',
    reads: false,
    stack: { tcp: { receiveBuffer: { initial: 4000, max: 4000 } } },
    rows: [
      [0, 'app', 'listen'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'out', 'S. 0 ack 1 win 4000 <mss 1460>'],
      [0, 'in', '. 1 ack 1'],
      [0, 'tell', 'open'],
      [10, 'in', '. 1:2001 ack 1'],
      [10, 'out', '. 1 ack 2001 win 2000'],
      [11, 'in', '. 2001:4001 ack 1'],
      [11, 'out', '. 1 ack 4001 win 0'],
      // A probe of the closed window is answered.
      [500, 'in', '. 4001:4002 ack 1'],
      [500, 'out', '. 1 ack 4001 win 0'],
      [600, 'app', 'read 500'],
      [700, 'app', 'read 1500'],
      [700, 'out', '. 1 ack 4001 win 2000'],
    ],
  },
];

describe('Data of Tcp by time tables', () => {
  for (const { title, rows, ...options } of TABLES) {
    it(title, () => {
      expect(runTable(rows, options)).toEqual(expectedRows(rows));
    });
  }
});
