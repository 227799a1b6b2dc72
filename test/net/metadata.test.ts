import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GuestMachine } from '../harness/guest-machine.ts';
import { Workshop } from '../harness/orlop.ts';

const yaml = fileURLToPath(new URL('metadata.yml', import.meta.url));
/** No text: as cloud-init's compressed user data. */
const bytes = gzipSync('#cloud-config\n');
const userData = '{"hello": {"content": "told-by-data"}}';

describe('metadata of a machine', () => {
  let workshop: Workshop;
  let folder: string;
  let given: GuestMachine;
  let disc: GuestMachine;
  let raw: GuestMachine;

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.buildComponents(['kernel', 'init', 'runc', 'dhcpcd', 'metadata']);
    folder = await mkdtemp(join(tmpdir(), 'orlop-cidata-'));
    await writeFile(join(folder, 'user-data'), '{"hello": {"content": "told-by-disc"}}');
    await writeFile(join(folder, 'meta-data'), 'instance-id: of-the-disc\nlocal-hostname: named-by-disc\n');
    const iso = join(folder, 'cidata.iso');
    const files = [join(folder, 'user-data'), join(folder, 'meta-data')];
    await promisify(execFile)('genisoimage', ['-quiet', '-J', '-R', '-V', 'cidata', '-o', iso, ...files]);
    const image = await workshop.buildFiles('told', [yaml]);
    given = workshop.boot(image, { network: 'segment', flags: ['--data', userData] });
    await given.waitFor(/metadata-is-done/);
    disc = workshop.boot(image, { network: 'segment', name: 'disc', flags: ['--disk', iso] });
    const data = join(folder, 'data.gz');
    await writeFile(data, bytes);
    raw = workshop.boot(image, { network: 'segment', name: 'raw', flags: ['--data-file', data] });
    await disc.waitFor(/metadata-is-done/);
    await raw.waitFor(/metadata-is-done/);
  });

  afterAll(async () => {
    await given?.endNow();
    await disc?.endNow();
    await raw?.endNow();
    await workshop?.orlopHere(['net', 'down', 'segment']).catch(() => {});
    await workshop?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('is on a CD-ROM, which comes first', () => {
    expect(given.console).toMatch(/^told nothing: CDROM \/dev\/sr0 ?told-by-data/m);
  });

  test.each(['aws', 'openstack', 'gcp', 'hetzner', 'digitalocean', 'vultr'])(
    'is at 169.254.169.254 as on %s',
    (cloud) => {
      const name = cloud.toUpperCase();
      const line = new RegExp(`^told ${cloud}: ${name} ?told-by-data ?told ?i-[0-9a-f]{12}`, 'm');
      expect(given.console).toMatch(line);
    },
  );

  test("comes from a disc in cloud-init's form, NoCloud", () => {
    expect(disc.console).toMatch(
      /^told nothing: CDROM \/dev\/vda ?told-by-disc ?named-by-disc ?of-the-disc/m,
    );
  });

  test.each(['nothing: CDROM', 'aws: AWS', 'gcp: GCP'])(
    'arrives byte by byte when it is no text (%s)',
    (from) => {
      const digest = createHash('md5').update(bytes).digest('hex');
      expect(raw.console).toMatch(new RegExp(`^told ${from}.* ${digest} `, 'm'));
    },
  );

  test('is nobody else’s', () => {
    expect(disc.console).toMatch(/^metadata: nothing from aws$/m);
    expect(disc.console).not.toContain('told-by-data');
  });
});
