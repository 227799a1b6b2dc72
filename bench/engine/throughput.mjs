/** iperf3 through a published port, and from a container to the host. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './bench-home.mjs';

export async function measureThroughput({ home, report, seconds }) {
  const { docker, run } = home;
  await home.load(join(import.meta.dirname, 'iperf3'), 'iperf3');
  const rate = (text) => ({ value: JSON.parse(text).end.sum_received.bits_per_second / 1e6, unit: 'Mbit/s' });
  const port = await freePort();
  await docker('run', '-d', '--name', 'server', '-p', `127.0.0.1:${port}:5201`, 'orlop/iperf3', '-s');
  const client = async (...words) => {
    const all = ['-c', '127.0.0.1', '-p', String(port), '-t', String(seconds), '-J', ...words];
    for (let tries = 0; ; tries++) {
      // A port that is published before its program listens; iperf3 ends with 0 then.
      const said = await run('iperf3', ...all).catch((error) => error.stdout || Promise.reject(error));
      if (JSON.parse(said).end?.sum_received !== undefined) return said;
      if (tries > 60) throw new Error(`iperf3: ${JSON.parse(said).error}`);
      await sleep(250);
    }
  };
  report.say('host → container, published port', rate(await client()));
  report.say('host ← container, published port', rate(await client('-R')));
  await docker('rm', '-f', 'server');
  const own = await freePort();
  const server = spawn('iperf3', ['-s', '-B', '127.0.0.1', '-p', String(own)], { stdio: 'ignore' });
  try {
    const words = ['-c', 'host.docker.internal', '-p', String(own), '-t', String(seconds), '-J'];
    report.say(
      'container → host (host.docker.internal)',
      rate(await docker('run', '--rm', 'orlop/iperf3', ...words)),
    );
  } finally {
    server.kill();
  }
}
