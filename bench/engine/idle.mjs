/** What everything takes that Orlop runs, while nothing happens. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { inMebibytes } from './report.mjs';

/** How long a quiet machine may take to give back what it remembers of files (docs/design/0061-engine-daemon.md). */
const GIVE_BACK_MS = 180_000;
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
  const { guestUsedBytes = 0, diskUsedBytes } = (await home.status()).usage;
  report.say(
    "idle: what the machine's system uses",
    inMebibytes(guestUsedBytes),
    inMebibytes(diskUsedBytes, 'disk'),
  );
  await measureGivingBack({ home, report, signal });
  await home.docker('rm', '-f', 'sleeper');
}

/** What QEMU holds when a container has written and read half a gigabyte, and when nothing has happened for a while then. */
async function measureGivingBack({ home, report, signal }) {
  const say = async (when) => {
    const { machineRssBytes, machineMemoryBytes, guestRememberedBytes } = (await home.status()).usage;
    report.say(
      `memory of QEMU ${when}`,
      inMebibytes(machineRssBytes),
      inMebibytes(machineMemoryBytes, "of the machine's"),
      inMebibytes(guestRememberedBytes, 'files remembered'),
    );
  };
  await say('at rest, one container');
  const work = 'dd if=/dev/zero of=/file bs=1M count=500 && cat /file >/dev/null && sync';
  await home.docker('exec', 'sleeper', 'sh', '-c', work);
  await say('after 500 MiB were written and read');
  await sleep(GIVE_BACK_MS, undefined, { signal });
  await say('three minutes later');
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
