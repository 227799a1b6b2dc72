import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IpAddress } from '@orlop/netstack';
import { freePort, temporaryFolder } from '@orlop/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dnsWindow } from '../testing/dns-window.ts';
import { type LiveNetwork, liveNetwork } from '../testing/live-network.ts';

const run = promisify(execFile);

/** dig is the judge, dnsmasq the host's resolver. */
describe('the gateway’s DNS', () => {
  const closers: (() => unknown)[] = [];
  let net: LiveNetwork;
  let port: number;
  const dig = async (...words: string[]) => {
    const base = ['@127.0.0.1', '-p', String(port), '+time=2', '+tries=1'];
    return (await run('dig', [...base, ...words])).stdout.trim();
  };
  const short = (...words: string[]) => dig('+short', ...words);

  beforeAll(async () => {
    const folder = await temporaryFolder('dns');
    closers.push(() => folder.remove());
    const upstreamPort = await freePort();
    const many = Array.from({ length: 60 }, (_, i) => `10.7.0.${i + 1} many.far.test`);
    mkdirSync(folder.path, { recursive: true });
    writeFileSync(join(folder.path, 'hosts'), many.join('\n'));
    writeFileSync(
      join(folder.path, 'dnsmasq.conf'),
      [
        `port=${upstreamPort}`,
        'listen-address=127.0.0.1',
        'bind-interfaces',
        'no-resolv',
        'no-hosts',
        'local=/far.test/',
        'local-ttl=300',
        'host-record=www.far.test,10.9.8.7,fd00::9',
        'txt-record=txt.far.test,one,two',
        'mx-host=far.test,mail.far.test,20',
        `addn-hosts=${join(folder.path, 'hosts')}`,
        `user=${userInfo().username}`,
        '',
      ].join('\n'),
    );
    const server = spawn(
      'dnsmasq',
      ['--keep-in-foreground', `--conf-file=${join(folder.path, 'dnsmasq.conf')}`, '--pid-file='],
      {
        stdio: 'ignore',
      },
    );
    closers.push(() => server.kill());
    // It listens a moment after it was started; what nobody answered is not asked again for five seconds.
    port = upstreamPort;
    for (let i = 0; i < 200 && (await short('www.far.test').catch(() => '')) === ''; i++);
    net = await liveNetwork({
      dns: [`127.0.0.1#${upstreamPort}`],
      leases: [{ mac: '52:54:00:00:00:05', address: '192.168.127.5', name: 'web' }],
      zones: [
        {
          name: 'own.test',
          records: [
            { name: 'www', type: 'A', value: '10.1.2.3' },
            { name: 'www', type: 'AAAA', value: 'fd00::3' },
            { name: 'alias', type: 'CNAME', value: 'www' },
            { name: 'away', type: 'CNAME', value: 'www.far.test.' },
            { name: 'guest', type: 'CNAME', value: 'web.orlop.internal.' },
            { name: 'lost', type: 'CNAME', value: 'none.far.test.' },
            { name: 'round', type: 'CNAME', value: 'round' },
            { name: 'text', type: 'TXT', value: 'hello world' },
            { name: '@', type: 'MX', value: '10 mail' },
            { name: '_sip._tcp', type: 'SRV', value: '1 2 5060 sip' },
            { name: '3.2.1.10.in-addr.arpa.', type: 'PTR', value: 'www' },
            { name: '*.wild', type: 'A', value: '10.1.2.9' },
          ],
        },
      ],
    });
    closers.push(() => net.close());
    const window = await dnsWindow(await net.guest(2));
    closers.push(() => window.close());
    ({ port } = window);
  });

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  it.each([
    ['www.own.test A', '10.1.2.3'],
    ['www.own.test AAAA', 'fd00::3'],
    ['WWW.Own.Test A', '10.1.2.3'],
    ['alias.own.test A', 'www.own.test.\n10.1.2.3'],
    ['away.own.test A', 'www.far.test.\n10.9.8.7'],
    ['guest.own.test A', 'web.orlop.internal.\n192.168.127.5'],
    ['text.own.test TXT', '"hello world"'],
    ['own.test MX', '10 mail.own.test.'],
    ['_sip._tcp.own.test SRV', '1 2 5060 sip.own.test.'],
    ['any.wild.own.test A', '10.1.2.9'],
    ['-x 10.1.2.3', 'www.own.test.'],
    ['host.docker.internal A', '192.168.127.254'],
    ['host.lima.internal A', '192.168.127.254'],
    ['host.containers.internal A', '192.168.127.254'],
    ['gateway.docker.internal A', '192.168.127.1'],
    ['http.docker.internal A', '192.168.127.1'],
    ['web A', '192.168.127.5'],
    ['web.orlop.internal A', '192.168.127.5'],
    ['-x 192.168.127.5', 'web.orlop.internal.'],
    ['www.far.test A', '10.9.8.7'],
    ['www.far.test AAAA', 'fd00::9'],
    ['txt.far.test TXT', '"one" "two"'],
    ['far.test MX', '20 mail.far.test.'],
  ])('answers %s', async (question, answer) => {
    expect(await short(...question.split(' '))).toBe(answer);
    expect(await short('+tcp', ...question.split(' '))).toBe(answer);
  });

  it('says that a name is not there, and that a name has no such record', async () => {
    expect(await dig('none.own.test')).toMatch(/status: NXDOMAIN/);
    expect(await dig('none.own.test')).toMatch(/own\.test\.\s+5\s+IN\s+SOA/);
    expect(await dig('text.own.test', 'A')).toMatch(/status: NOERROR.*\n.*ANSWER: 0/);
    expect(await dig('none.far.test')).toMatch(/status: NXDOMAIN/);
    const absent = /status: NXDOMAIN[\s\S]*\norlop\.internal\.\s+5\s+IN\s+SOA/;
    expect(await dig('none.orlop.internal')).toMatch(absent);
    const noRecord = /status: NOERROR.*\n.*ANSWER: 0[\s\S]*\norlop\.internal\.\s+5\s+IN\s+SOA/;
    expect(await dig('web.orlop.internal', 'MX')).toMatch(noRecord);
    expect(await dig('orlop.internal', 'A')).toMatch(/status: NOERROR.*\n.*ANSWER: 0/);
    expect(await short('orlop.internal', 'SOA')).toMatch(/^orlop\.internal\. nobody\.invalid\. /);
  });

  it('says of an alias what is said of its target, and fails where it is its own', async () => {
    expect(await dig('lost.own.test')).toMatch(/status: NXDOMAIN.*\n.*ANSWER: 1/);
    expect(await dig('round.own.test')).toMatch(/status: SERVFAIL.*\n.*ANSWER: 0/);
  });

  it('truncates for UDP what the client does not take, and gives it whole by TCP or EDNS', async () => {
    expect(await dig('many.far.test', '+noedns', '+ignore')).toMatch(/flags:[^;]* tc/);
    expect((await short('many.far.test', '+noedns')).split('\n')).toHaveLength(60);
    expect((await short('many.far.test', '+bufsize=4096', '+ignore')).split('\n')).toHaveLength(60);
    // From the cache, to a client that takes less than what is kept.
    expect(await dig('many.far.test', '+bufsize=512', '+ignore')).toMatch(/flags:[^;]* tc/);
  });

  it('tells a client of a later EDNS which one it knows', async () => {
    const answer = await dig('web.orlop.internal', '+edns=1', '+noednsnegotiation');
    expect(answer).toMatch(/status: BADVERS.*\n.*ANSWER: 0/);
    expect(answer).toMatch(/EDNS: version: 0/);
    expect(await short('web.orlop.internal', '+edns=1')).toBe('192.168.127.5');
  });

  it('asks upstream once for what is asked again, and tells the rest of its life', async () => {
    await short('www.far.test');
    const { misses } = net.opened.dnsCache.counters;
    const { asked } = net.opened.dnsForwarding.counters;
    expect(await dig('WwW.far.test')).toMatch(/WwW\.far\.test\.\s+\d+\s+IN\s+A\s+10\.9\.8\.7/);
    expect(net.opened.dnsCache.counters.misses).toBe(misses);
    expect(net.opened.dnsForwarding.counters.asked).toBe(asked);
  });

  it('remembers by which name an address was found', async () => {
    await short('www.far.test');
    const [name] = [...net.opened.network.learnedNames.namesOf(addressOf('10.9.8.7'))];
    expect(name).toMatch(/far\.test$|own\.test$/);
  });
});

function addressOf(text: string) {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(text);
  return address;
}
