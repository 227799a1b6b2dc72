#!/usr/bin/qjs -m
import { joinPath, paths } from '../paths.ts';
import { type ComplianceCase, fileCompliance } from '../system/compliance.ts';
import { std } from '../system/quickjs.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// Holds QuickJsSystem to the promises of System, on the real machine: test/boot puts it into an image and runs it.
const box = paths.busybox;
const processCompliance: readonly ComplianceCase[] = [
  {
    title: 'run gives the status, the signal, and 127 for what cannot be started',
    check: ({ processes }) => [
      [
        processes.run([box, 'sh', '-c', 'exit 5']),
        processes.run([box, 'sh', '-c', 'kill -9 $$']),
        processes.run(['/no/such/program']),
      ],
      [
        { kind: 'exited', status: 5 },
        { kind: 'killed', signal: 9 },
        { kind: 'exited', status: 127 },
      ],
    ],
  },
  {
    title: 'capture takes standard output, and standard error with it where asked',
    check: ({ processes }) => {
      const words = [box, 'sh', '-c', 'echo out; echo error >&2'];
      return [
        [
          processes.capture(words, { stderr: 'null' }).output,
          processes.capture(words, { stderr: 'with-stdout' }).output,
        ],
        ['out\n', 'out\nerror\n'],
      ];
    },
  },
  {
    title: 'run appends output to files, and passes folder and environment on',
    check: ({ files, processes }, folder) => {
      const log = joinPath(folder, 'log');
      const options = {
        stdout: { appendTo: log },
        workingFolder: folder,
        environment: { WORD: 'deck' },
      } as const;
      processes.run([box, 'sh', '-c', 'echo $WORD; pwd'], options);
      processes.run([box, 'echo', 'more'], options);
      return [files.read(log), `deck\n${folder}\nmore\n`];
    },
  },
  {
    title: 'files of /proc are read whole, though they have no size',
    check: ({ files, processes }) => [
      [
        files.status('/proc/self/status')?.sizeBytes,
        /^Pid:\t(\d+)$/m.exec(files.read('/proc/self/status') ?? '')?.[1],
      ],
      [0, String(processes.ownPid)],
    ],
  },
];

const system = quickJsSystem();
const all = [...fileCompliance, ...processCompliance];
let kept = 0;
for (const [index, { title, check }] of all.entries()) {
  const folder = `/run/compliance/${index}`;
  system.files.makeFolder(folder);
  const [found, wanted] = check(system, folder).map((value) => JSON.stringify(value));
  if (found === wanted) kept += 1;
  else std.out.puts(`compliance BROKEN: ${title}: ${found} is not ${wanted}\n`);
}
std.out.puts(`compliance ${kept} of ${all.length}\n`);
std.out.flush();

// What comes later: a started process ends, a followed one speaks, a timer runs, a fifo delivers.
const fifo = '/run/compliance/fifo';
const pending = new Set(['ended', 'line', 'timer', 'fifo']);
const happened = (what: string): void => {
  pending.delete(what);
  if (pending.size > 0) return;
  std.out.puts('compliance of callbacks kept\n');
  std.out.flush();
  system.processes.exit(0);
};
system.processes.run([box, 'mkfifo', fifo]);
system.files.watch(fifo, (bytes) => {
  if (String.fromCharCode(...bytes) === 'knock') happened('fifo');
});
system.processes.start([box, 'sh', '-c', 'exit 3'], {}, (ending) => {
  if (ending.kind === 'exited' && ending.status === 3) happened('ended');
});
system.processes.follow([box, 'sh', '-c', 'printf "one\\ntwo"; echo'], {
  line: (line) => {
    if (line === 'two') happened('line');
  },
  ended: () => system.files.writeInPlace(fifo, 'knock'),
});
system.time.after(10, () => happened('timer'));
