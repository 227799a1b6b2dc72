import { paths } from '../paths.ts';

/** The start of a command of runc, or of crun under its name, which has another place for its state of itself. */
export const runc = [paths.runc, '--root', paths.runcState] as const;
