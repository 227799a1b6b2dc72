import { paths } from '../paths.ts';
import { type System, succeeded } from '../system/system.ts';
import { httpRequest, receiveAnswer } from './http.ts';
import { receiveFile } from './received.ts';

/** What a machine is told at its start, by names of files below /run/config; its user data is there already. */
export interface Metadata {
  /** e.g. `AWS`, `CDROM /dev/sr0`. */
  readonly provider: string;
  readonly values: ReadonlyMap<string, string>;
}

/** A service at the link-local address that clouds share, its paths by the names of files. */
interface CloudService {
  readonly title: string;
  /** What the firmware says of such a machine, in any of its fields. */
  readonly firmware: RegExp;
  readonly headers: Readonly<Record<string, string>>;
  readonly userData: string;
  readonly values: Readonly<Record<string, string>>;
}

const SERVICE_ADDRESS = '169.254.169.254';

const EC2_VALUES = {
  hostname: '/latest/meta-data/hostname',
  local_hostname: '/latest/meta-data/local-hostname',
  public_ipv4: '/latest/meta-data/public-ipv4',
  local_ipv4: '/latest/meta-data/local-ipv4',
  availability_zone: '/latest/meta-data/placement/availability-zone',
  instance_id: '/latest/meta-data/instance-id',
  instance_type: '/latest/meta-data/instance-type',
  'ssh/authorized_keys': '/latest/meta-data/public-keys/0/openssh-key',
};

export const CLOUDS: ReadonlyMap<string, CloudService> = new Map([
  [
    'aws',
    { title: 'AWS', firmware: /amazon/i, headers: {}, userData: '/latest/user-data', values: EC2_VALUES },
  ],
  [
    'openstack',
    {
      title: 'OPENSTACK',
      firmware: /openstack/i,
      headers: {},
      userData: '/latest/user-data',
      values: EC2_VALUES,
    },
  ],
  [
    'gcp',
    {
      title: 'GCP',
      firmware: /google/i,
      headers: { 'Metadata-Flavor': 'Google' },
      userData: '/computeMetadata/v1/instance/attributes/userdata',
      values: {
        hostname: '/computeMetadata/v1/instance/hostname',
        instance_id: '/computeMetadata/v1/instance/id',
        availability_zone: '/computeMetadata/v1/instance/zone',
        instance_type: '/computeMetadata/v1/instance/machine-type',
        'ssh/authorized_keys': '/computeMetadata/v1/project/attributes/ssh-keys',
      },
    },
  ],
  [
    'hetzner',
    {
      title: 'HETZNER',
      firmware: /hetzner/i,
      headers: {},
      userData: '/hetzner/v1/userdata',
      values: {
        hostname: '/hetzner/v1/metadata/hostname',
        local_hostname: '/hetzner/v1/metadata/local-hostname',
        public_ipv4: '/hetzner/v1/metadata/public-ipv4',
        instance_id: '/hetzner/v1/metadata/instance-id',
        availability_zone: '/hetzner/v1/metadata/availability-zone',
      },
    },
  ],
  [
    'digitalocean',
    {
      title: 'DIGITALOCEAN',
      firmware: /digitalocean/i,
      headers: {},
      userData: '/metadata/v1/user-data',
      values: {
        hostname: '/metadata/v1/hostname',
        instance_id: '/metadata/v1/id',
        region: '/metadata/v1/region',
        public_ipv4: '/metadata/v1/interfaces/public/0/ipv4/address',
        'ssh/authorized_keys': '/metadata/v1/public-keys',
      },
    },
  ],
  [
    'vultr',
    {
      title: 'VULTR',
      firmware: /vultr/i,
      headers: {},
      userData: '/latest/user-data',
      values: {
        hostname: '/v1/hostname',
        instance_id: '/v1/instanceid',
        region: '/v1/region/regioncode',
        'ssh/authorized_keys': '/v1/public-keys',
      },
    },
  ],
]);

/** The clouds that the firmware says this machine is in. */
export function cloudsOfFirmware(system: System): readonly string[] {
  const said = ['sys_vendor', 'product_name', 'bios_vendor', 'chassis_asset_tag']
    .map((name) => system.files.read(`/sys/class/dmi/id/${name}`) ?? '')
    .join('\n');
  return [...CLOUDS].filter(([, cloud]) => cloud.firmware.test(said)).map(([name]) => name);
}

/** Asks a cloud's service; undefined when it does not answer. */
export function askCloud(system: System, name: string): Metadata | undefined {
  const cloud = CLOUDS.get(name);
  if (cloud === undefined) return undefined;
  const token = name === 'aws' ? awsToken(system) : {};
  const headers = { ...cloud.headers, ...token };
  const get = (path: string) => {
    const answer = httpRequest(system, { host: SERVICE_ADDRESS, method: 'GET', path, headers });
    return answer?.status === 200 ? answer.body : undefined;
  };
  const values = new Map<string, string>();
  for (const [file, path] of Object.entries(cloud.values)) {
    const value = get(path);
    if (value !== undefined)
      values.set(file, file === 'ssh/authorized_keys' ? plainKeys(value) : value.trim());
    // One that does not give its first value is not there: the others would only cost time.
    else if (values.size === 0) return undefined;
  }
  receiveAnswer(system, { host: SERVICE_ADDRESS, method: 'GET', path: cloud.userData, headers });
  return { provider: cloud.title, values };
}

/** Instance Metadata Service version 2 asks for a token that was got by PUT. */
function awsToken(system: System): Readonly<Record<string, string>> {
  const answer = httpRequest(system, {
    host: SERVICE_ADDRESS,
    method: 'PUT',
    path: '/latest/api/token',
    headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '300' },
  });
  return answer?.status === 200 ? { 'X-aws-ec2-metadata-token': answer.body.trim() } : {};
}

/** Google's keys are written `user:key`. */
function plainKeys(text: string): string {
  return `${text.trim().replaceAll(/^[a-z_][\w-]*:(?=ssh-|ecdsa-|sk-)/gm, '')}\n`;
}

/** Looks for a disk in the form of a CD with a file `config`, or with cloud-init's `user-data`. */
export function readDiscs(system: System, mountPoint: string): Metadata | undefined {
  const { files, processes } = system;
  const disks = files.list('/sys/class/block').filter((name) => /^(sr\d+|[shv]d[a-z]+)$/.test(name));
  // CD drives first: on other disks such a file system is the exception.
  for (const name of [
    ...disks.filter((disk) => disk.startsWith('sr')),
    ...disks.filter((disk) => !disk.startsWith('sr')),
  ]) {
    const device = `/dev/${name}`;
    files.makeFolder(mountPoint);
    const mount = [paths.busybox, 'mount', '-t', 'iso9660', '-o', 'ro', device, mountPoint];
    if (!succeeded(processes.run(mount, { stderr: 'null' }))) continue;
    const found = readDisc(system, mountPoint);
    processes.run([paths.busybox, 'umount', mountPoint]);
    if (found !== undefined) return { provider: `CDROM ${device}`, ...found };
  }
  return undefined;
}

function readDisc(system: System, folder: string): Omit<Metadata, 'provider'> | undefined {
  if (receiveFile(system, `${folder}/config`)) return { values: new Map() };
  if (!receiveFile(system, `${folder}/user-data`)) return undefined;
  const { files } = system;
  const values = new Map<string, string>();
  const names: ReadonlyMap<string, string> = new Map([
    ['local-hostname', 'hostname'],
    ['instance-id', 'instance_id'],
  ]);
  for (const line of (files.read(`${folder}/meta-data`) ?? '').split('\n')) {
    const match = /^([a-z-]+):\s*["']?([^"'\s]+)/.exec(line);
    const file = names.get(match?.[1] ?? '');
    if (file !== undefined && match?.[2] !== undefined) values.set(file, match[2]);
  }
  return { values };
}
