/** guest/src/engine/configuration.ts has the same list. */
const MACHINE_FOLDERS =
  /^\/(?:(?:bin|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var\/lib|var\/run)(?:\/|$)|(?:var)?$)/;

/** Whether a folder of the host at the same path in the machine would hide what the engine itself has there. */
export function hidesMachine(path: string): boolean {
  return MACHINE_FOLDERS.test(path);
}
