import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { clientCases } from './client-cases.ts';
import { EngineUnderTest, hasQemu } from './engine-under-test.ts';
import { faultCases } from './fault-cases.ts';
import { hostCases } from './host-cases.ts';
import { type HostServices, startHostServices } from './host-services.ts';
import { proxyCases } from './proxy-cases.ts';
import { syncCases } from './sync-cases.ts';

const engine = new EngineUnderTest();
const folder = join(tmpdir(), `orlop-engine-host-${process.pid}`);
let services: HostServices | undefined;

/** One machine for all cases; what it is told at its start is the host's proxy and the authority that the host trusts. */
beforeAll(async () => {
  if (!hasQemu) return;
  services = await startHostServices(folder, () => join(engine.home, 'registry', 'registry.sock'));
  const { authority: certificates, proxyUrl, nameServer } = services;
  const proxy = { 'proxy.http': proxyUrl, 'proxy.https': proxyUrl, 'proxy.no': '203.0.113.9' };
  await engine.prepare({ certificates, disk: '6GiB', 'network.dns': nameServer, ...proxy });
  await engine.useRegistry('busybox', 'chrony', 'redis');
  await engine.orlop('up');
});

afterAll(async () => {
  await engine.stop();
  services?.close();
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!hasQemu)('orlop up (skipped without QEMU)', () => {
  describe("with Debian's unmodified client", () => clientCases(engine));
  describe("through Docker's socket", () => proxyCases(engine));
  describe('and its host', () => hostCases(engine, () => services));
  describe('and a synchronised share', () => syncCases(engine));
  describe('under load and loss', () => faultCases(engine));
});
