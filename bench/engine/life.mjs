/** Start, saved state and `docker run`. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './bench-home.mjs';
import { inMebibytes, inSeconds, inSecondsOf, median } from './report.mjs';

/** Cold: a new data disk. Warm: that of the start before. In turns, since the host's load changes. */
export async function measureStart({ home, report, runs }) {
  const { orlop, docker, status } = home;
  await orlop('up', '--quiet'); // composes the image
  const kinds = [
    { what: 'cold, new data disk: up to `docker info`', end: ['reset', '--force'], times: [], cpu: [] },
    { what: 'warm, data disk of before: up to `docker info`', end: ['down'], times: [], cpu: [] },
  ];
  const stages = new Map();
  for (let round = 0; round < runs; round++) {
    for (const kind of kinds) {
      await orlop(...kind.end);
      kind.times.push(
        await timed(async () => {
          await orlop('up', '--quiet');
          await docker('info');
        }),
      );
      const { usage, state } = await status();
      kind.cpu.push(usage.machineCpuMs);
      for (const { name, durationMs } of state.stages) {
        stages.set(name, [...(stages.get(name) ?? []), durationMs]);
      }
    }
  }
  for (const { what, times, cpu } of kinds) {
    report.say(
      `${what}, median of ${runs}`,
      ...inSecondsOf(times),
      inSeconds(median(cpu), 'processor of QEMU'),
    );
  }
  const all = [...stages].map(([name, times]) => inSeconds(median(times), name));
  report.say('the stages of a start', ...all);
}

export async function measureSaved({ home, report, runs }) {
  const [suspends, resumes] = [[], []];
  let fileBytes = 0;
  for (let round = 0; round < runs; round++) {
    suspends.push(await timed(() => home.orlop('suspend')));
    fileBytes = statSync(join(home.machine, 'saved.zst')).size;
    resumes.push(await timed(() => home.docker('info')));
  }
  report.say('saved state: its file', inMebibytes(fileBytes));
  report.say(`saved state: \`orlop suspend\`, median of ${runs}`, ...inSecondsOf(suspends));
  report.say(`saved state: \`docker info\` brings it back, median of ${runs}`, ...inSecondsOf(resumes));
}

export async function measureLatency({ home, report, runs }) {
  const times = [];
  for (let round = 0; round < runs; round++) {
    times.push(await timed(() => home.docker('run', '--rm', 'orlop/busybox', 'true')));
  }
  report.say(`docker run --rm, median of ${runs}`, ...inSecondsOf(times));
}
