import { type FileHandle, open } from 'node:fs/promises';
import { debianError } from '../errors.ts';
import { streamTool } from '../tool.ts';
import { type ModuleInfo, parseModuleInfo } from './modinfo.ts';
import { type KernelModule, uncompressed } from './module-tables.ts';
import { xzContentSize } from './xz-size.ts';

/** Larger than any module; amdgpu's is 30 MB. */
const MAX_MODULE_BYTES = 512 * 2 ** 20;

/** A compressed module as a package ships it. */
export interface ShippedModule {
  /** Below `lib/modules/VERSION`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface StoredModule extends KernelModule {
  readonly info: ModuleInfo;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Modules, decompressed into one temporary file, so that memory holds one of them at a time. */
export class ModuleStore {
  readonly #file: FileHandle;
  readonly modules: readonly StoredModule[];

  private constructor(file: FileHandle, modules: readonly StoredModule[]) {
    this.#file = file;
    this.modules = modules;
  }

  /**
   * Decompresses modules by a single run of xz: the format allows files to follow each other in one input.
   *
   * @param path - of a file to be made; the caller removes it after `close`.
   */
  static async create(
    path: string,
    shipped: AsyncIterable<ShippedModule>,
    signal?: AbortSignal,
  ): Promise<ModuleStore> {
    const file = await open(path, 'wx+', 0o600);
    try {
      return new ModuleStore(file, await decompressInto(file, shipped, signal));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async *read(module: StoredModule): AsyncIterable<Uint8Array> {
    const bytes = new Uint8Array(module.sizeBytes);
    await this.#file.read(bytes, 0, bytes.length, module.offset);
    yield bytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function decompressInto(
  file: FileHandle,
  shipped: AsyncIterable<ShippedModule>,
  signal: AbortSignal | undefined,
): Promise<readonly StoredModule[]> {
  const expected: { readonly path: string; readonly sizeBytes: number }[] = [];
  const modules: StoredModule[] = [];
  let offset = 0;
  const store = async (path: string, bytes: Uint8Array) => {
    modules.push({ path, info: parseModuleInfo(bytes, path), offset, sizeBytes: bytes.length });
    await file.appendFile(bytes); // write may take a part
    offset += bytes.length;
  };
  async function* compressed(): AsyncIterable<Uint8Array> {
    for await (const { path, bytes } of shipped) {
      const sizeBytes = path.endsWith('.ko.xz') ? xzContentSize(bytes) : undefined;
      if (sizeBytes === undefined) {
        throw debianError(
          'debian.module-invalid',
          `the module ${path} is not compressed by xz, as Debian's are`,
        );
      }
      if (sizeBytes > MAX_MODULE_BYTES) {
        throw debianError(
          'debian.module-invalid',
          `the module ${path} says that it holds ${sizeBytes} bytes`,
        );
      }
      expected.push({ path: uncompressed(path), sizeBytes });
      yield bytes;
    }
  }
  let current = new Uint8Array(0);
  let filled = 0;
  let index = -1;
  // The size of a module is known before its first byte comes out of xz.
  const output = streamTool('xz', ['--decompress', '--stdout'], { input: compressed(), signal });
  for await (const chunk of output) {
    let at = 0;
    while (at < chunk.length) {
      if (index < 0 || filled === current.length) {
        current = new Uint8Array(expected[++index]?.sizeBytes ?? 0);
        filled = 0;
      }
      if (current.length === 0)
        throw debianError('debian.module-invalid', 'xz gave more than the modules hold');
      const part = chunk.subarray(at, at + current.length - filled);
      current.set(part, filled);
      filled += part.length;
      at += part.length;
      const path = expected[index]?.path;
      if (filled === current.length && path !== undefined) await store(path, current);
    }
  }
  if (modules.length !== expected.length) {
    throw debianError('debian.module-invalid', `xz gave ${modules.length} of ${expected.length} modules`);
  }
  return modules;
}
