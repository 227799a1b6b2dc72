import { createRequire } from 'node:module';
import type koffiModule from 'koffi';
import type { TypeObject } from 'koffi';
import { vnetError } from '../errors.ts';
import { UV_READABLE } from './constants.ts';

/**
 * The system calls that Node has no way to: descriptors of any kind (TAP, SOCK_SEQPACKET, unix datagrams, ping
 * sockets), readiness of them by libuv's own `uv_poll`, and ordinary sockets without a stream object each.
 * Linux only. A call returns what the C function returns; `errno()` is valid right after a -1.
 */
export interface NativeLibrary {
  errno(): number;
  /** Where the bytes of an off-heap array are; it must outlive every use of the number. */
  addressOf(bytes: Uint8Array | Uint32Array): number;
  open(path: string, flags: number): number;
  close(descriptor: number): number;
  read(descriptor: number, into: Uint8Array, length: number): number;
  write(descriptor: number, from: Uint8Array, length: number): number;
  /** The same by {@link addressOf}, which is cheaper than an array to look into at each call. */
  readTo(descriptor: number, address: number, length: number): number;
  writeFrom(descriptor: number, address: number, length: number): number;
  writev(descriptor: number, vectors: Uint8Array, count: number): number;
  socket(family: number, type: number, protocol: number): number;
  socketpair(family: number, type: number, protocol: number, descriptors: Uint8Array): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  connect(descriptor: number, address: Uint8Array, length: number): number;
  listen(descriptor: number, backlog: number): number;
  accept4(descriptor: number, address: Uint8Array, length: Uint8Array, flags: number): number;
  getsockname(descriptor: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(descriptor: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  setsockopt(descriptor: number, level: number, name: number, value: Uint8Array, length: number): number;
  shutdown(descriptor: number, how: number): number;
  recvfrom(fd: number, into: Uint8Array, n: number, flags: number, from: Uint8Array, len: Uint8Array): number;
  recvfromTo(fd: number, into: number, n: number, flags: number, from: number, len: number): number;
  sendto(fd: number, from: Uint8Array, n: number, flags: number, to: Uint8Array, len: number): number;
  sendtoFrom(fd: number, from: number, n: number, flags: number, to: number, len: number): number;
  recvmsg(descriptor: number, header: Uint8Array, flags: number): number;
  ioctl(descriptor: number, request: number, argument: Uint8Array): number;
  /** The same for requests whose argument is the number itself. */
  ioctlValue(descriptor: number, request: number, argument: number): number;
  madvise(address: number, length: number, advice: number): number;
  /** Gives the system what the allocator keeps free. glibc's alone. */
  readonly malloc_trim: ((keep: number) => number) | undefined;
  /** Settings of the allocator (mallopt(3)). glibc's alone. */
  readonly mallopt: ((what: number, value: number) => number) | undefined;
  inotify_init1(flags: number): number;
  /** @param path - ends in a NUL */
  inotify_add_watch(descriptor: number, path: Uint8Array, mask: number): number;
  inotify_rm_watch(descriptor: number, watch: number): number;
  /** Moves this thread to the network namespace that the descriptor is of. */
  setns(descriptor: number, kind: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(set: number, operation: number, descriptor: number, event: number): number;
  epoll_wait(set: number, events: number, count: number, timeoutMs: number): number;
  /** Has Node's event loop call `onReady` of the binding whenever the descriptor is readable, from now on. */
  poll(descriptor: number): number;
  /** Whether that alone keeps Node's event loop running. @default true */
  keepAlive(keep: boolean): void;
}

const UV_POLL = 8; // enum uv_handle_type

/**
 * Binds the library to this process. Once per process: registered callbacks live as long as it.
 *
 * @throws OrlopError `vnet.native-unavailable` where this is not Linux on the main thread.
 */
export function bindNativeLibrary(onReady: () => void, platform: string): NativeLibrary {
  if (platform !== 'linux')
    throw vnetError('vnet.native-unavailable', `system calls of Linux are not available on ${platform}`);
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const func = (name: string, result: string, types: (string | TypeObject)[]) =>
    library.func(name, result, types);
  const pollCallback = koffi.pointer(koffi.proto('void', ['uintptr_t', 'int', 'int']));
  const onPoll = koffi.register(() => onReady(), pollCallback);
  const loop = func('uv_default_loop', 'uintptr_t', [])() as number;
  const handleSize = func('uv_handle_size', 'size_t', ['int']);
  const pollInit = func('uv_poll_init', 'int', ['uintptr_t', 'uintptr_t', 'int']);
  const pollStart = func('uv_poll_start', 'int', ['uintptr_t', 'int', pollCallback]);
  const ref = func('uv_ref', 'void', ['uintptr_t']);
  const unref = func('uv_unref', 'void', ['uintptr_t']);
  // libuv keeps the address: the memory must stay where it is as long as the loop runs.
  const handle = new Uint8Array(new ArrayBuffer(handleSize(UV_POLL) as number));
  const bytes = 'void *';
  const address = 'uintptr_t';
  return {
    errno: () => koffi.errno(),
    addressOf: (array) => Number(koffi.address(array)),
    open: func('open', 'int', ['const char *', 'int']),
    close: func('close', 'int', ['int']),
    read: func('read', 'int64_t', ['int', bytes, 'size_t']),
    write: func('write', 'int64_t', ['int', bytes, 'size_t']),
    readTo: func('read', 'int64_t', ['int', address, 'size_t']),
    writeFrom: func('write', 'int64_t', ['int', address, 'size_t']),
    writev: func('writev', 'int64_t', ['int', bytes, 'int']),
    socket: func('socket', 'int', ['int', 'int', 'int']),
    socketpair: func('socketpair', 'int', ['int', 'int', 'int', bytes]),
    bind: func('bind', 'int', ['int', bytes, 'uint']),
    connect: func('connect', 'int', ['int', bytes, 'uint']),
    listen: func('listen', 'int', ['int', 'int']),
    accept4: func('accept4', 'int', ['int', bytes, bytes, 'int']),
    getsockname: func('getsockname', 'int', ['int', bytes, bytes]),
    getsockopt: func('getsockopt', 'int', ['int', 'int', 'int', bytes, bytes]),
    setsockopt: func('setsockopt', 'int', ['int', 'int', 'int', bytes, 'uint']),
    shutdown: func('shutdown', 'int', ['int', 'int']),
    recvfromTo: func('recvfrom', 'int64_t', ['int', address, 'size_t', 'int', address, address]),
    recvfrom: func('recvfrom', 'int64_t', ['int', bytes, 'size_t', 'int', bytes, bytes]),
    sendto: func('sendto', 'int64_t', ['int', bytes, 'size_t', 'int', bytes, 'uint']),
    sendtoFrom: func('sendto', 'int64_t', ['int', address, 'size_t', 'int', address, 'uint']),
    recvmsg: func('recvmsg', 'int64_t', ['int', bytes, 'int']),
    ioctl: func('ioctl', 'int', ['int', 'ulong', bytes]),
    ioctlValue: func('ioctl', 'int', ['int', 'ulong', 'ulong']),
    madvise: func('madvise', 'int', [address, 'size_t', 'int']),
    malloc_trim: found(() => func('malloc_trim', 'int', ['size_t'])),
    mallopt: found(() => func('mallopt', 'int', ['int', 'int'])),
    inotify_init1: func('inotify_init1', 'int', ['int']),
    inotify_add_watch: func('inotify_add_watch', 'int', ['int', bytes, 'uint32_t']),
    inotify_rm_watch: func('inotify_rm_watch', 'int', ['int', 'int']),
    setns: func('setns', 'int', ['int', 'int']),
    epoll_create1: func('epoll_create1', 'int', ['int']),
    epoll_ctl: func('epoll_ctl', 'int', ['int', 'int', 'int', address]),
    epoll_wait: func('epoll_wait', 'int', ['int', address, 'int', 'int']),
    poll: (descriptor) => {
      const address = Number(koffi.address(handle));
      const status = pollInit(loop, address, descriptor) as number;
      return status === 0 ? (pollStart(address, UV_READABLE, onPoll) as number) : status;
    },
    keepAlive: (keep) => (keep ? ref : unref)(Number(koffi.address(handle))),
  };
}

/** A function that not every C library has. */
function found<F>(bind: () => F): F | undefined {
  try {
    return bind();
  } catch {
    return undefined;
  }
}

function loadKoffi(): typeof koffiModule {
  try {
    // Not an `import`: where its binary is missing, the portable sockets must still load.
    return createRequire(import.meta.url)('koffi');
  } catch (cause) {
    throw vnetError('vnet.native-unavailable', 'the foreign function library "koffi" does not load', {
      cause,
    });
  }
}
