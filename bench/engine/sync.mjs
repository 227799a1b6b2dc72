/** A synchronised share against the virtiofs share that it lies in: both hold the same tree of 5,000 small files. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { timed, timedInShell } from './bench-home.mjs';
import { inSeconds, inSecondsOf } from './report.mjs';

const FOLDERS = 100;
const FILES_PER_FOLDER = 50;
const EDITS = 11;
/** How often the host looks for what the machine has written. */
const LOOK_MS = 5;

/** 1 to 8 kB each, all different and the same in every run. */
function makeTree(root) {
  for (let folder = 0; folder < FOLDERS; folder++) {
    const within = join(root, `folder${folder}`);
    mkdirSync(within, { recursive: true });
    for (let file = 0; file < FILES_PER_FOLDER; file++) {
      const bytes = 1000 + ((folder * 61 + file * 139) % 7000);
      writeFileSync(join(within, `file${file}.txt`), `${folder} ${file} `.repeat(bytes / 4).slice(0, bytes));
    }
  }
}

const DROP = 'sync; echo 3 >/proc/sys/vm/drop_caches; ';
const WORKS = [
  ['names (`find`), caches dropped', 'find /t -type f | wc -l >/dev/null', DROP],
  ['names, again', 'find /t -type f | wc -l >/dev/null', ''],
  ['contents (`cat` of all), caches dropped', 'find /t -type f -exec cat {} + >/dev/null', DROP],
  ['contents, again', 'find /t -type f -exec cat {} + >/dev/null', ''],
  ['500 files of 2 kB written', 'i=0; while [ $i -lt 500 ]; do echo "$x" >/t/new/f$i; i=$((i+1)); done', ''],
];
/** Orders by line: an answer when the number is in /t/to-machine, or after it was written to /t/to-host, or at once. */
const SERVANT = `while read what n; do case $what in
  wait) x=; while [ "$x" != "$n" ]; do read x </t/to-machine; sleep 0.01; done;;
  write) echo $n >/t/to-host;;
esac; echo $n; done`;

export async function measureSync({ home, report }) {
  const { orlop, docker, env, share } = home;
  const folders = { plain: join(share, 'plain'), synced: join(share, 'synced') };
  for (const folder of Object.values(folders)) makeTree(folder);
  await orlop('config', 'set', 'shares', share);
  await orlop('down');
  await orlop('up', '--quiet');
  const sayTime = async (what, ...words) =>
    report.say(what, inSeconds(await timed(() => orlop('sync', ...words, folders.synced))));
  await sayTime('synchronised share, 5,000 files: first time', 'create');
  await sayTime('synchronised share, `flush` with nothing to do', 'flush');
  await propagation();
  const [own, virtiofs] = [await works(folders.synced), await works(folders.plain)];
  for (const [index, [what]] of WORKS.entries()) {
    report.say(
      `synchronised, ${what}`,
      { value: own[index], unit: 'ms' },
      { name: 'virtiofs', value: virtiofs[index], unit: 'ms' },
      { value: virtiofs[index] / Math.max(10, own[index]), unit: 'ratio' },
    );
  }
  await sayTime('500 files written: `flush` after it', 'flush');
  await orlop('sync', 'rm', folders.synced);

  async function works(folder) {
    const figures = [];
    for (const [, work, before] of WORKS) {
      const words = ['run', '--rm', '--privileged', '-v', `${folder}:/t`, 'orlop/busybox', 'sh', '-c'];
      const setUp = `mkdir -p /t/new; x=$(head -c 2000 /dev/zero | tr '\\0' x); ${before}`;
      figures.push(Number(await docker(...words, setUp + timedInShell(work))) * 10);
    }
    return figures;
  }

  async function propagation() {
    const words = ['run', '--rm', '-i', '-v', `${folders.synced}:/t`, 'orlop/busybox', 'sh', '-c', SERVANT];
    const path = { machine: join(folders.synced, 'to-machine'), host: join(folders.synced, 'to-host') };
    for (const one of Object.values(path)) writeFileSync(one, '0\n');
    await orlop('sync', 'flush', folders.synced);
    const servant = spawn('docker', words, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: servant.stdout })[Symbol.asyncIterator]();
    const order = (what, n) => servant.stdin.write(`${what} ${n}\n`);
    const answer = async (n) => {
      const { value } = await lines.next();
      if (value !== String(n)) throw new Error(`the container says ${value}, not ${n}`);
    };
    const times = { order: [], machine: [], host: [] };
    try {
      for (let n = 1; n <= EDITS; n++) {
        times.order.push(
          await timed(async () => {
            order('echo', n);
            await answer(n);
          }),
        );
        order('wait', n);
        // Each edit finds the share at rest, with what came before written down.
        await sleep(1500);
        times.machine.push(
          await timed(async () => {
            writeFileSync(path.machine, `${n}\n`);
            await answer(n);
          }),
        );
        await sleep(1500);
        times.host.push(
          await timed(async () => {
            order('write', n);
            await answer(n);
            while (readFileSync(path.host, 'utf8') !== `${n}\n`) await sleep(LOOK_MS);
          }),
        );
      }
    } finally {
      servant.stdin.end();
      await new Promise((ended) => (servant.exitCode === null ? servant.once('close', ended) : ended()));
    }
    const say = (what, list) => report.say(`${what}, median of ${EDITS}`, ...inSecondsOf(list));
    say('one order to the container and back', times.order);
    say('an edit, host → machine (and the answer back)', times.machine);
    say('an order, the edit, machine → host', times.host);
  }
}
