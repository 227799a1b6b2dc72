import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IpAddress } from '@orlop/netstack';
import { temporaryFolder } from '@orlop/testkit';
import {
  DNS_CLASS_IN,
  DNS_NAME_ERROR,
  DNS_NO_ERROR,
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  encodeDns,
  parseDns,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { HostResolver } from './host-resolver.ts';
import { ResolvConfFile } from './resolv-conf.ts';

describe('ResolvConfFile', () => {
  it('follows the file, whoever replaces it, and asks the local host when there is none', async () => {
    const folder = await temporaryFolder('resolv');
    const path = join(folder.path, 'resolv.conf');
    const file = new ResolvConfFile(path);
    let changes = 0;
    file.onChange = () => {
      changes++;
    };
    const servers = () => file.servers().map(({ address, port }) => `${address}#${port}`);
    expect(servers()).toEqual(['127.0.0.1#53']);
    writeFileSync(path, '# ours\nnameserver 10.0.0.1\n nameserver fd00::53\noptions edns0\n');
    expect(servers()).toEqual(['10.0.0.1#53', 'fd00::53#53']);
    writeFileSync(`${path}.new`, 'nameserver 10.0.0.2\n');
    renameSync(`${path}.new`, path);
    expect(servers()).toEqual(['10.0.0.2#53']);
    rmSync(path);
    expect(servers()).toEqual(['127.0.0.1#53']);
    expect(changes).toBe(3);
    await folder.remove();
  });
});

describe('HostResolver', () => {
  const signal = new AbortController().signal;
  const next = { resolve: async () => undefined };

  async function ask(resolver: HostResolver, name: string, type: number) {
    const message = encodeDns({
      id: 1,
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      authenticData: false,
      checkingDisabled: false,
      responseCode: 0,
      questions: [{ name, type, class: DNS_CLASS_IN }],
      answers: [],
      authorities: [],
      additionals: [],
    });
    const query = { message, transport: 'udp' as const, guest: IpAddress.v4(0xc0a87f02) };
    const answer = await resolver.resolve(query, { signal });
    if (answer === undefined) return undefined;
    const fields = parseDns(answer, 0, answer.length);
    return typeof fields === 'string' ? undefined : fields;
  }

  it('asks getaddrinfo, which knows /etc/hosts', async () => {
    const answer = await ask(new HostResolver(next), 'localhost', DNS_TYPE_A);
    expect(answer?.answers).toMatchObject([{ kind: 'A', address: 0x7f000001 }]);
  });

  it('tells a name without such an address from one that is not there', async () => {
    const resolver = new HostResolver(next, async (name) => {
      if (name === 'four.test') return [{ address: '10.0.0.4' }];
      const errno = name.toLowerCase() === 'mail.test' ? -3007 : -3008; // as libuv numbers EAI_NODATA and EAI_NONAME
      throw Object.assign(new Error('no'), {
        errno,
        code: name === 'later.test' ? 'EAI_AGAIN' : 'ENOTFOUND',
      });
    });
    // RFC 2308 §5: without an SOA nobody may keep it.
    const absence = { answers: [], authorities: [{ kind: 'SOA', name: 'test', ttl: 5, minimum: 5 }] };
    expect(await ask(resolver, 'four.test', DNS_TYPE_A)).toMatchObject({ authorities: [] });
    for (const name of ['four.test', 'Mail.Test'])
      expect(await ask(resolver, name, DNS_TYPE_AAAA)).toMatchObject({
        ...absence,
        responseCode: DNS_NO_ERROR,
      });
    expect(await ask(resolver, 'none.test', DNS_TYPE_A)).toMatchObject({
      ...absence,
      responseCode: DNS_NAME_ERROR,
    });
    expect(await ask(resolver, 'none', DNS_TYPE_A)).toMatchObject({
      responseCode: DNS_NAME_ERROR,
      authorities: [{ ...absence.authorities[0], name: '' }],
    });
    expect(await ask(resolver, 'later.test', DNS_TYPE_A)).toBeUndefined();
  });
});
