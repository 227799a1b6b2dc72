import { describe, expect, it } from 'vitest';
import {
  expectedRows,
  OPENED,
  OPENED_WITH_TIMESTAMPS,
  PLAIN,
  type Row,
  runTable,
  type TimeTable,
} from '../testing/time-table.ts';

/** Acknowledgements wait for company from the beginning. */
const WITHOUT_HASTE = { tcp: { congestion: 'reno', quickAcks: 0, delayedAckMs: 40 } } as const;

const TABLES: readonly TimeTable[] = [
  {
    title: 'passive open, data both ways, passive close (RFC 9293 figures 5 and 12)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', 'P. 1:101 ack 1'],
      [10, 'out', '. 1 ack 101'],
      [20, 'app', 'write 50'],
      [20, 'out', 'P. 1:51 ack 101'],
      [30, 'in', '. 101 ack 51'],
      [40, 'in', 'F. 101 ack 51'],
      [40, 'tell', 'end'],
      [40, 'out', '. 51 ack 102'],
      [50, 'app', 'write 10'],
      [50, 'out', 'P. 51:61 ack 102'],
      [50, 'app', 'shutdown'],
      [50, 'out', 'F. 61 ack 102'],
      [60, 'in', '. 102 ack 62'],
      [60, 'tell', 'close finished'],
      [100_000, 'in', '. 102 ack 62'],
      [100_000, 'out', 'R 62'],
    ],
  },
  {
    title: 'active open offers MSS, window scale, SACK and timestamps; active close waits 2 MSL',
    rows: [
      [0, 'app', 'connect'],
      [0, 'out', 'S 0 <mss 1460 ws 7 sack ts>'],
      [5, 'in', 'S. 0 ack 1 <mss 1460>'],
      [5, 'tell', 'open'],
      [5, 'out', '. 1 ack 1'],
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1'],
      [20, 'in', '. 1 ack 2'],
      [30, 'in', 'F. 1 ack 2'],
      [30, 'tell', 'end'],
      [30, 'tell', 'close finished'],
      [30, 'out', '. 2 ack 2'],
      [1030, 'in', 'F. 1 ack 2'],
      [1030, 'out', '. 2 ack 2'],
      [61_031, 'in', 'F. 1 ack 2'],
      [61_031, 'out', 'R 2'],
    ],
  },
  {
    title:
      'SYN is repeated after 1, 3, 7, 15, 31, 63, 123 s and the attempt ends after three minutes (RFC 9293 §3.8.3)',
    rows: [
      [0, 'app', 'connect'],
      ...[0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000].map(
        (at): Row => [at, 'out', 'S 0 <mss 1460 ws 7 sack ts>'],
      ),
      [183_000, 'tell', 'close timeout'],
    ],
  },
  {
    title: 'RST in answer to SYN is refused',
    rows: [
      [0, 'app', 'connect'],
      [0, 'out', 'S 0 <mss 1460 ws 7 sack ts>'],
      [5, 'in', 'R. 0 ack 1'],
      [5, 'tell', 'close refused'],
    ],
  },
  {
    title: 'simultaneous open (RFC 9293 figure 7)',
    rows: [
      [0, 'app', 'connect'],
      [0, 'out', 'S 0 <mss 1460 ws 7 sack ts>'],
      [5, 'in', 'S 0 <mss 1460>'],
      [5, 'out', 'S. 0 ack 1 <mss 1460>'],
      [10, 'in', 'S. 0 ack 1 <mss 1460>'],
      [10, 'tell', 'open'],
      [10, 'out', '. 1 ack 1'],
    ],
  },
  {
    title: 'simultaneous close goes through CLOSING (RFC 9293 figure 13)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1'],
      [11, 'in', 'F. 1 ack 1'],
      [11, 'tell', 'end'],
      [11, 'out', '. 2 ack 2'],
      [20, 'in', '. 2 ack 2'],
      [20, 'tell', 'close finished'],
      // Were a bare acknowledgement answered, two peers in TIME-WAIT would go on with it.
      [1000, 'in', '. 2 ack 2'],
      [2000, 'in', 'F. 1 ack 2'],
      [2000, 'out', '. 2 ack 2'],
    ],
  },
  {
    title: 'only the FIN that was heard begins TIME-WAIT anew, not one at another place (RFC 9293 §3.10.7.4)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1'],
      [20, 'in', 'F. 1:11 ack 2'],
      [20, 'tell', 'end'],
      [20, 'tell', 'close finished'],
      [20, 'out', '. 2 ack 12'],
      [30_000, 'in', 'F. 5000 ack 2'],
      [30_000, 'out', '. 2 ack 12'],
      [40_000, 'in', 'F. 1:11 ack 2'],
      [40_000, 'out', '. 2 ack 12'],
      [99_000, 'in', 'F. 5000 ack 2'],
      [99_000, 'out', '. 2 ack 12'],
      [100_001, 'in', 'F. 1:11 ack 2'],
      [100_001, 'out', 'R 2'],
    ],
  },
  {
    title: 'a repeated SYN is answered by the same SYN-ACK',
    rows: [
      [0, 'app', 'listen'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'out', 'S. 0 ack 1 <mss 1460>'],
      [500, 'in', 'S 0 <mss 1000>'],
      [500, 'out', 'S. 0 ack 1 <mss 1460>'],
      // Who repeats it keeps a place in the backlog no longer.
      [1000, 'out', 'S. 0 ack 1 <mss 1460>'],
    ],
  },
  {
    title: 'a held attempt absorbs repeated SYNs until accepted',
    rows: [
      [0, 'app', 'listen-any'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'tell', 'attempt from port 5000'],
      [1000, 'in', 'S 0 <mss 1000>'],
      [1500, 'app', 'accept'],
      [1500, 'out', 'S. 0 ack 1 <mss 1460>'],
      [1510, 'in', '. 1 ack 1'],
      [1510, 'tell', 'open'],
    ],
  },
  {
    title: 'a held attempt is refused by RST',
    rows: [
      [0, 'app', 'listen-any'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'tell', 'attempt from port 5000'],
      [300, 'app', 'refuse'],
      [300, 'out', 'R. 0 ack 1'],
    ],
  },
  {
    title: 'a held attempt is turned down by ICMP host unreachable',
    rows: [
      [0, 'app', 'listen-any'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'tell', 'attempt from port 5000'],
      [300, 'app', 'unreachable'],
      [300, 'out', 'icmp 3 1'],
    ],
  },
  {
    title: 'a held attempt is cancelled by the client, and after two minutes without decision',
    rows: [
      [0, 'app', 'listen-any'],
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'tell', 'attempt from port 5000'],
      [100, 'in', 'R 1'],
      [100, 'tell', 'cancelled'],
      [1000, 'in', 'S 0 <mss 1000>'],
      [1000, 'tell', 'attempt from port 5000'],
      [121_000, 'tell', 'cancelled'],
    ],
  },
  {
    title: 'keepalive probes an idle connection and gives up',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [0, 'app', 'keepalive'],
      [10_000, 'out', '. 0 ack 1'],
      [10_005, 'in', '. 1 ack 1'],
      [20_005, 'out', '. 0 ack 1'],
      [21_005, 'out', '. 0 ack 1'],
      [22_005, 'tell', 'close timeout'],
    ],
  },
  {
    title: 'RST is obeyed only at the exact sequence number (RFC 5961 §3)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', 'R 500'],
      [10, 'out', '. 1 ack 1'],
      [11, 'in', 'R 70000'],
      [12, 'in', 'R 1'],
      [12, 'tell', 'close reset'],
    ],
  },
  {
    title: 'SYN on an open connection is challenged, not obeyed (RFC 5961 §4)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', 'S 300 <mss 1000>'],
      [10, 'out', '. 1 ack 1'],
      [20, 'app', 'write 10'],
      [20, 'out', 'P. 1:11 ack 1'],
      [30, 'in', '. 1 ack 11'],
    ],
  },
  {
    title: 'acknowledgements of data never sent are challenged and ignored (RFC 5961 §5)',
    stack: PLAIN,
    rows: [...OPENED, [10, 'in', 'P. 1:11 ack 5000'], [10, 'out', '. 1 ack 1']],
  },
  {
    title: 'abort sends RST with the next sequence number',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'write 10'],
      [10, 'out', 'P. 1:11 ack 1'],
      [20, 'app', 'abort'],
      [20, 'tell', 'close aborted'],
      [20, 'out', 'R. 11 ack 1'],
    ],
  },
  {
    title: 'segments for no connection are answered by RST (RFC 9293 §3.10.7.1)',
    rows: [
      [0, 'in', 'S 0 <mss 1000>'],
      [0, 'out', 'R. 0 ack 1'],
      [1, 'in', 'R 5'],
    ],
  },
  {
    title: 'timestamps go in every segment once agreed on',
    timestamps: true,
    stack: PLAIN,
    rows: [
      ...OPENED_WITH_TIMESTAMPS,
      [10, 'app', 'write 2000'],
      [10, 'out', '. 1:989 ack 1 <ts>'],
      [10, 'out', '. 989:1977 ack 1 <ts>'],
      // Nagle keeps the rest.
      [20, 'in', '. 1 ack 1977 <ts>'],
      [20, 'out', 'P. 1977:2001 ack 1 <ts>'],
    ],
  },
  {
    title: 'an old duplicate is recognized by its timestamp and not taken (RFC 7323 §5, PAWS)',
    timestamps: true,
    stack: PLAIN,
    rows: [
      ...OPENED_WITH_TIMESTAMPS,
      [1000, 'in', 'P. 1:11 ack 1 <ts>'],
      [1000, 'out', '. 1 ack 11 <ts>'],
      // In the window by its number, but from before.
      [1010, 'in', 'P. 11:21 ack 1 <ts old>'],
      [1010, 'out', '. 1 ack 11 <ts>'],
      [1020, 'in', 'P. 11:21 ack 1 <ts>'],
      [1020, 'out', '. 1 ack 21 <ts>'],
    ],
  },
  {
    title: 'half-close: the peer may send long after our FIN',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1'],
      [20, 'in', '. 1 ack 2'],
      [60_000, 'in', 'P. 1:101 ack 2'],
      [60_000, 'out', '. 2 ack 101'],
      [120_000, 'in', 'F. 101 ack 2'],
      [120_000, 'tell', 'end'],
      [120_000, 'tell', 'close finished'],
      [120_000, 'out', '. 2 ack 102'],
    ],
  },
  {
    title: 'FIN with the last data; FIN beyond a hole waits for it',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'in', 'F. 101:201 ack 1'],
      [10, 'out', '. 1 ack 1'],
      [20, 'in', '. 1:101 ack 1'],
      [20, 'tell', 'end'],
      [20, 'out', '. 1 ack 202'],
    ],
  },
  {
    title: 'the acknowledgement of FIN travels with our own, when that comes in time',
    stack: WITHOUT_HASTE,
    rows: [
      ...OPENED,
      [10, 'in', 'F. 1 ack 1'],
      [10, 'tell', 'end'],
      [20, 'app', 'shutdown'],
      [20, 'out', 'F. 1 ack 2'],
      [30, 'in', '. 2 ack 2'],
      [30, 'tell', 'close finished'],
    ],
  },
  {
    title: 'the acknowledgement of FIN goes alone when nothing comes after the delay',
    stack: WITHOUT_HASTE,
    rows: [
      ...OPENED,
      [10, 'in', 'F. 1 ack 1'],
      [10, 'tell', 'end'],
      [50, 'out', '. 1 ack 2'],
      [60_000, 'app', 'write 10'],
      [60_000, 'out', 'P. 1:11 ack 2'],
    ],
  },
  {
    title: 'a new SYN takes over from TIME-WAIT when it is newer (RFC 9293 §3.6.1)',
    stack: PLAIN,
    rows: [
      ...OPENED,
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1'],
      [20, 'in', 'F. 1 ack 2'],
      [20, 'tell', 'end'],
      [20, 'tell', 'close finished'],
      [20, 'out', '. 2 ack 2'],
      [30, 'in', 'S 1 <mss 1000>'],
      [30, 'out', '. 2 ack 2'],
      // Our sequence numbers have gone on by 250 a millisecond.
      [40, 'in', 'S 100000 <mss 1000>'],
      [40, 'out', 'S. 10000 ack 100001 <mss 1460>'],
    ],
  },
  {
    title: 'with timestamps TIME-WAIT answers with them, and they tell a new SYN from an old one (RFC 6191)',
    timestamps: true,
    stack: PLAIN,
    rows: [
      ...OPENED_WITH_TIMESTAMPS,
      [10, 'app', 'shutdown'],
      [10, 'out', 'F. 1 ack 1 <ts>'],
      [20, 'in', 'F. 1 ack 2 <ts>'],
      [20, 'tell', 'end'],
      [20, 'tell', 'close finished'],
      [20, 'out', '. 2 ack 2 <ts>'],
      [300, 'in', 'S 100000 <mss 1000 ts old>'],
      [300, 'out', '. 2 ack 2 <ts>'],
      [1000, 'in', 'F. 1 ack 2 <ts>'],
      [1000, 'out', '. 2 ack 2 <ts>'],
      [3000, 'in', 'S 0 <mss 1000 ts>'],
      [3000, 'out', 'S. 750000 ack 1 <mss 1460 ts>'],
    ],
  },
];

describe('Tcp by time tables', () => {
  for (const { title, rows, ...options } of TABLES) {
    it(title, () => {
      expect(runTable(rows, options)).toEqual(expectedRows(rows));
    });
  }
});
