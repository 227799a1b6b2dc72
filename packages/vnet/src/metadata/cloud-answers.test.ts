import { describe, expect, it } from 'vitest';
import { answerAsClouds } from './cloud-answers.ts';

const machine = {
  name: 'web',
  instanceId: 'i-525400000002',
  address: '192.168.127.2',
  network: 'default',
  userData: new TextEncoder().encode('{"a": {"content": "b"}}'),
};

function ask(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const {
    status,
    body,
    headers: extra,
  } = answerAsClouds(machine, { method, path, header: (n) => headers[n] });
  return { status, body: Buffer.from(body).toString(), ...(extra !== undefined && { headers: extra }) };
}

const userData = { status: 200, body: '{"a": {"content": "b"}}' };

describe('answerAsClouds', () => {
  it.each([
    ['/latest/user-data'],
    ['/2009-04-04/user-data'],
    ['/hetzner/v1/userdata'],
    ['/metadata/v1/user-data'],
  ])('gives the user data at %s', (path) => {
    expect(ask(path)).toEqual(userData);
  });

  it.each([
    ['/latest/meta-data/hostname', 'web'],
    ['/latest//meta-data/placement/availability-zone', 'default'],
    ['/latest/meta-data/local-ipv4', '192.168.127.2'],
    ['/hetzner/v1/metadata/instance-id', 'i-525400000002'],
    ['/metadata/v1/region', 'default'],
    ['/v1/instanceid', 'i-525400000002'],
    ['/v1/region/regioncode', 'default'],
    ['/latest/meta-data/placement/', 'availability-zone'],
  ])('says at %s: %s', (path, body) => {
    expect(ask(path)).toEqual({ status: 200, body });
  });

  it('wants of a client of Google its header, and answers with it', () => {
    expect(ask('/computeMetadata/v1/instance/id').status).toBe(403);
    expect(ask('/computeMetadata/v1/instance/id', { 'metadata-flavor': 'Google' })).toEqual({
      ...{ status: 200, body: 'i-525400000002' },
      headers: { 'Metadata-Flavor': 'Google' },
    });
  });

  it('gives a token to a client of Amazon, and refuses any other', () => {
    expect(ask('/latest/api/token').status).toBe(405);
    const token = ask('/latest/api/token', {}, 'PUT').body;
    expect(ask('/latest/user-data', { 'x-aws-ec2-metadata-token': token })).toEqual(userData);
    expect(ask('/latest/user-data', { 'x-aws-ec2-metadata-token': 'x' }).status).toBe(401);
  });

  it.each([
    '/',
    '/latest/meta-data/public-keys/0/openssh-key',
    '/constructor',
    '/latest/user-data/x',
    '/__proto__',
  ])('has nothing of a machine at %s', (path) => {
    expect(ask(path).status).toBe(path === '/' ? 200 : 404);
    expect(ask(path, {}, 'POST').status).toBe(405);
  });
});
