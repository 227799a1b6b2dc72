/** A bind mount of the host against a volume on the same machine's own disk. */
import { mkdirSync } from 'node:fs';
import { timedInShell } from './bench-home.mjs';

const WORKS = [
  ['500 files made', 'i=0; while [ $i -lt 500 ]; do : >/t/f$i; i=$((i+1)); done'],
  ['500 files looked at', 'i=0; while [ $i -lt 500 ]; do [ -s /t/f$i ]; i=$((i+1)); done'],
  ['500 files listed and removed', 'ls -l /t >/dev/null; rm /t/f*'],
  ['64 MiB written', 'dd if=/dev/zero of=/t/large bs=1M count=64 conv=fsync 2>/dev/null'],
  ['64 MiB read', 'echo 3 >/proc/sys/vm/drop_caches; dd if=/t/large of=/dev/null bs=1M 2>/dev/null'],
];

export async function measureFiles({ home, report }) {
  const { docker, orlop, share } = home;
  mkdirSync(share, { recursive: true });
  await orlop('down');
  await orlop('up', '--quiet', '--share', share);
  const at = async (source) => {
    const figures = [];
    for (const [, work] of WORKS) {
      const words = ['run', '--rm', '--privileged', '-v', `${source}:/t`, 'orlop/busybox', 'sh', '-c'];
      figures.push(Number(await docker(...words, timedInShell(work))) * 10);
    }
    return figures;
  };
  const [own, bind] = [await at('volume'), await at(share)];
  for (const [index, [what]] of WORKS.entries()) {
    report.say(
      `bind mount, ${what}`,
      { value: bind[index], unit: 'ms' },
      { name: 'own disk', value: own[index], unit: 'ms' },
      { value: bind[index] / Math.max(10, own[index]), unit: 'ratio' },
    );
  }
}
