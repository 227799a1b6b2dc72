import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { temporaryFolder } from '@orlop/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HostSockets, HostStream } from '../host/host-sockets.ts';
import { createNodeSockets } from '../host/node-sockets.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_SEQPACKET } from '../native/constants.ts';
import { createNativeSockets } from '../native/native-sockets.ts';
import { Poller } from '../native/poller.ts';
import { emitUnixSocketAddress, SOCKET_ADDRESS_MAX_LEN } from '../native/socket-address.ts';
import { describeLink } from '../testing/link-suite.ts';
import { DescriptorLink } from './descriptor-link.ts';
import { littleEndian16Framing, qemuFraming } from './framing.ts';
import type { Link } from './link.ts';
import { listenBess, listenVfkit, openQemuDgram } from './packet-listener.ts';
import { openStdioLink } from './stdio-link.ts';
import { StreamLink } from './stream-link.ts';
import { listenQemu, listenVpnkit } from './stream-listener.ts';

const MTU = 65_520;
const isLinux = process.platform === 'linux';

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = performance.now() + 10_000;
    const look = () => {
      if (condition()) resolve();
      else if (performance.now() > deadline) reject(new Error('the condition never held'));
      else setImmediate(look);
    };
    setImmediate(look);
  });
}

async function newPath(): Promise<string> {
  const folder = await temporaryFolder('links');
  onTestFinished(() => folder.remove());
  return join(folder.path, 's');
}

/** The link that a listener makes when a guest comes. */
function awaited(): { readonly onLink: (link: Link) => void; link(): Promise<Link> } {
  let made: Link | undefined;
  return {
    onLink: (link) => {
      made = link;
    },
    link: async () => {
      await until(() => made !== undefined);
      if (made === undefined) throw new Error('no link');
      return made;
    },
  };
}

/** A guest's end of a stream link. */
async function connectStream(
  sockets: HostSockets,
  path: string,
  framing: typeof qemuFraming,
): Promise<StreamLink> {
  let link: StreamLink | undefined;
  let isOpen = false;
  const stream: HostStream = sockets.connect(
    { kind: 'unix', path },
    {
      onOpen: () => {
        isOpen = true;
      },
      onReadable: () => link?.onReadable(),
      onWritable: () => link?.onWritable(),
      onFailed: (failure) => link?.onFailed(failure),
    },
  );
  await until(() => isOpen);
  link = new StreamLink(stream, { kind: 'qemu', framing, peer: 'test', mtu: MTU });
  return link;
}

describe.each([
  ['node', () => createNodeSockets()],
  ...(isLinux
    ? ([['native', () => createNativeSockets(new Poller(process.platform, process.arch))]] as const)
    : []),
] as const)('listenQemu on %s sockets', (_kind, createSockets) => {
  describeLink(async () => {
    const sockets = createSockets();
    const path = await newPath();
    const { onLink, link } = awaited();
    const listener = await listenQemu({ kind: 'unix', path }, { sockets, mtu: MTU, onLink });
    const far = await connectStream(sockets, path, qemuFraming);
    const near = await link();
    listener.close();
    return { near, far, until, noticesClose: true };
  });
});

describe.skipIf(!isLinux)('listenBess', () => {
  describeLink(async () => {
    const poller = new Poller(process.platform, process.arch);
    const path = await newPath();
    const { onLink, link } = awaited();
    const listener = listenBess(path, { poller, mtu: MTU, onLink });
    const far = new DescriptorLink(poller, connectUnix(poller, SOCK_SEQPACKET, path), options('bess'));
    const near = await link();
    listener.close();
    return { near, far, until, noticesClose: true };
  });
});

describe.skipIf(!isLinux)('listenVfkit', () => {
  describeLink(async () => {
    const poller = new Poller(process.platform, process.arch);
    const path = await newPath();
    const { onLink, link } = awaited();
    listenVfkit(path, { poller, mtu: MTU, onLink });
    const descriptor = connectUnix(poller, SOCK_DGRAM, path, `${path}.guest`);
    const greeting = new TextEncoder().encode('VFKT');
    poller.library.write(descriptor, greeting, greeting.length);
    return {
      near: await link(),
      far: new DescriptorLink(poller, descriptor, options('vfkit')),
      until,
      noticesClose: false,
    };
  });
});

describe.skipIf(!isLinux)('openQemuDgram', () => {
  describeLink(async () => {
    const poller = new Poller(process.platform, process.arch);
    const path = await newPath();
    const open = (own: string, other: string) =>
      openQemuDgram(own, other, { poller, mtu: MTU, onLink: () => {} });
    return {
      near: open(`${path}.1`, `${path}.2`),
      far: open(`${path}.2`, `${path}.1`),
      until,
      noticesClose: false,
    };
  });
});

describe('openStdioLink', () => {
  describeLink(async () => {
    const [there, back] = [new PassThrough(), new PassThrough()];
    return {
      near: openStdioLink({ input: there, output: back }, MTU),
      far: openStdioLink({ input: back, output: there }, MTU),
      until,
      noticesClose: false,
    };
  });
});

describe('listenVpnkit', () => {
  it('greets a client and carries its frames', async () => {
    const sockets = createNodeSockets();
    const path = await newPath();
    const { onLink, link } = awaited();
    const listener = await listenVpnkit(
      { kind: 'unix', path },
      {
        sockets,
        mtu: 1500,
        onLink,
        admit: ({ uuid }) => ({ mac: uuid.length, mtu: 1500 }),
        onRefused: () => {},
      },
    );
    const received: number[] = [];
    const chunk = new Uint8Array(4096);
    const client = sockets.connect(
      { kind: 'unix', path },
      {
        onOpen: () => {
          const uuid = '7d1cbd1a-6d2a-4e1f-9a52-3f0e4f3d0c11';
          client.write(
            Buffer.concat([
              Buffer.from('VMN3T\x16\0\0\0'),
              Buffer.alloc(40, '0'),
              Buffer.from(`\x01${uuid}`),
              Buffer.alloc(4),
            ]),
          );
          client.write(Buffer.concat([Buffer.from([60, 0]), Buffer.alloc(60, 7)]));
          client.wantRead(true);
        },
        onReadable: () => {
          const count = client.read(chunk);
          if (count > 0) received.push(...chunk.subarray(0, count));
        },
        onWritable: () => {},
        onFailed: () => {},
      },
    );
    const near = await link();
    const frames: number[] = [];
    near.open({
      onFrame: (buffer, offset, length) => frames.push(length, buffer[offset] ?? 0),
      onBatchEnd: () => {},
      onDrained: () => {},
      onClosed: () => {},
    });
    await until(() => frames.length > 0 && received.length === 49 + 258);
    expect(frames).toEqual([60, 7]);
    expect(received.slice(49, 54)).toEqual([1, 0xdc, 0x05, 0x0e, 0x06]);
    expect(littleEndian16Framing.readLength(Uint8Array.from(received.slice(50)), 0)).toBe(1500);
    near.close();
    client.close();
    listener.close();
  });
});

function options(kind: 'bess' | 'vfkit') {
  return { kind, peer: 'test', mtu: MTU } as const;
}

function connectUnix(poller: Poller, type: number, path: string, own?: string): number {
  const address = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
  const descriptor = poller.library.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (own !== undefined) poller.library.bind(descriptor, address, emitUnixSocketAddress(address, own) ?? 0);
  expect(poller.library.connect(descriptor, address, emitUnixSocketAddress(address, path) ?? 0)).toBe(0);
  return descriptor;
}
