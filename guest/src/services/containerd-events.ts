import { asRecord, asText } from '../container/bundle.ts';

/** A container's first process has ended. */
export interface TaskExit {
  readonly namespace: string;
  readonly container: string;
  readonly exitStatus: number;
}

/** `TIME NAMESPACE /tasks/exit {…}`, where the time itself holds spaces (containerd, cmd/ctr/commands/events). */
const exitLine = / (\S+) \/tasks\/exit (\{.*\})\s*$/;

/** Reads one line of `ctr events`; undefined for every other event, among them the ends of further processes. */
export function parseTaskExit(line: string): TaskExit | undefined {
  const match = exitLine.exec(line);
  if (match === null || match[1] === undefined || match[2] === undefined) return undefined;
  const event = asRecord(parse(match[2]));
  const container = asText(event['container_id']);
  if (container === '' || event['id'] !== container) return undefined;
  // The field is left out when it is zero.
  const status = event['exit_status'];
  return { namespace: match[1], container, exitStatus: typeof status === 'number' ? status : 0 };
}

/** `ctr task delete` tells the status of the task in a warning, and only if it was not zero. */
export function parseDeletedStatus(output: string): number {
  const status = /exit with non-zero exit code (\d+)/.exec(output)?.[1];
  return status === undefined ? 0 : Number(status);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A line that is not what it looks like says nothing about a task.
    return undefined;
  }
}
