/** What one machine is told, in whatever cloud's form it asks. */
export interface MachineMetadata {
  readonly name: string;
  /** The same at every run of the machine, another for each. */
  readonly instanceId: string;
  readonly address: string;
  readonly network: string;
  readonly userData: Uint8Array;
}

export interface MetadataRequest {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  readonly header: (name: string) => string | undefined;
}

export interface MetadataAnswer {
  readonly status: 200 | 401 | 403 | 404 | 405;
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A cloud's tree: a leaf is a text, or bytes; a folder lists its names. */
type Tree = { readonly [name: string]: Tree | string | Uint8Array };

const INSTANCE_TYPE = 'orlop';
/** Any word would do: the network carries one machine's requests to this machine's metadata alone. */
const TOKEN = 'orlop';

const notFound: MetadataAnswer = { status: 404, body: '' };

/**
 * Answers as Amazon's, OpenStack's, Google's, Hetzner's, DigitalOcean's and Vultr's services do, by the paths that
 * their documents name. Keys of SSH are no one's to give here: user data carries them.
 */
export function answerAsClouds(machine: MachineMetadata, request: MetadataRequest): MetadataAnswer {
  const { method, header } = request;
  const path = request.path.replace(/\/{2,}/g, '/');
  // Amazon EC2, "Use IMDSv2": a token by PUT, then sent along. Version 1, without, is answered too.
  if (path === '/latest/api/token') {
    return method === 'PUT' ? { status: 200, body: TOKEN } : { status: 405, body: '' };
  }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: '' };
  const token = header('x-aws-ec2-metadata-token');
  if (token !== undefined && token !== TOKEN) return { status: 401, body: '' };
  // Google Compute Engine, "Access VM metadata": refused without the header, which the answer has too.
  const google = path.startsWith('/computeMetadata/');
  if (google && header('metadata-flavor') !== 'Google') return { status: 403, body: '' };
  const found = walk(treeOf(machine), path);
  if (found === undefined) return notFound;
  return google ? { ...found, headers: { 'Metadata-Flavor': 'Google' } } : found;
}

function walk(tree: Tree, path: string): MetadataAnswer | undefined {
  let node: Tree | string | Uint8Array = tree;
  for (const part of path.split('/').filter((word) => word !== '')) {
    if (typeof node === 'string' || node instanceof Uint8Array) return undefined;
    const next: Tree | string | Uint8Array | undefined = Object.hasOwn(node, part) ? node[part] : undefined;
    if (next === undefined) return undefined;
    node = next;
  }
  if (typeof node === 'string' || node instanceof Uint8Array) return { status: 200, body: node };
  const names = Object.entries(node).map(([name, child]) =>
    typeof child === 'string' || child instanceof Uint8Array ? name : `${name}/`,
  );
  return { status: 200, body: names.join('\n') };
}

function treeOf({ name, instanceId, address, network, userData }: MachineMetadata): Tree {
  const ec2: Tree = {
    'user-data': userData,
    'meta-data': {
      hostname: name,
      'instance-id': instanceId,
      'instance-type': INSTANCE_TYPE,
      'local-hostname': name,
      'local-ipv4': address,
      placement: { 'availability-zone': network },
    },
  };
  return {
    latest: ec2,
    '2009-04-04': ec2,
    computeMetadata: {
      v1: {
        instance: {
          attributes: { userdata: userData, 'user-data': userData },
          hostname: name,
          id: instanceId,
          'machine-type': INSTANCE_TYPE,
          zone: network,
        },
      },
    },
    hetzner: {
      v1: {
        userdata: userData,
        metadata: {
          hostname: name,
          'local-hostname': name,
          'instance-id': instanceId,
          'availability-zone': network,
        },
      },
    },
    metadata: {
      v1: { 'user-data': userData, hostname: name, id: instanceId, region: network },
    },
    v1: { hostname: name, instanceid: instanceId, region: { regioncode: network } },
  };
}
