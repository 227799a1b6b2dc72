/** What everything takes that Orlop runs, while nothing happens. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { inMebibytes } from './report.mjs';

/** For what a start leaves to do, the machine's clock first of all. */
const SETTLE_MS = 90_000;
/** Hundredths of a second: time(7). */
const TICK_MS = 10;

/** Without a container, and then with one that sleeps. */
export async function measureIdle({ home, report, seconds, signal }) {
  await home.docker('run', '-d', '--name', 'sleeper', '--init', 'orlop/busybox', 'sleep', '1000000');
  await sleep(SETTLE_MS, undefined, { signal });
  const before = processes(home);
  await sleep(seconds * 1000, undefined, { signal });
  const after = processes(home);
  const shareOf = ({ pid, cpuMs }) =>
    (cpuMs - (before.find((earlier) => earlier.pid === pid)?.cpuMs ?? 0)) / seconds / 10;
  const figures = (list) => [
    { value: list.reduce((sum, one) => sum + shareOf(one), 0), unit: '% of a core' },
    inMebibytes(list.reduce((sum, { rssBytes }) => sum + rssBytes, 0)),
  ];
  for (const name of new Set(after.map((one) => one.name))) {
    report.say(
      `idle for ${seconds} s, one container: ${name}`,
      ...figures(after.filter((one) => one.name === name)),
    );
  }
  report.say(`idle for ${seconds} s, one container: all of it`, ...figures(after));
  await home.docker('rm', '-f', 'sleeper');
  const { guestUsedBytes = 0, diskUsedBytes } = (await home.status()).usage;
  report.say(
    "idle: what the machine's system uses",
    inMebibytes(guestUsedBytes),
    inMebibytes(diskUsedBytes, 'disk'),
  );
}

/** The daemon, and what runs in the machine's folder: QEMU and virtiofsd. */
function processes(home) {
  const daemon = home.daemonPid();
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (Number(pid) !== daemon && readlinkSync(`/proc/${pid}/cwd`) !== home.machine) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
      found.push({
        name: Number(pid) === daemon ? 'daemon' : stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
        pid,
        cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
        rssBytes: Number(rss) * 1024,
      });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}
