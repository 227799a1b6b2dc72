/** How far a longer piece of work is. The edge draws it; low layers only report. */
export interface ProgressEvent {
  /** What is being done, e.g. `download linux-image-6.12`; the key under which reports replace each other. */
  readonly task: string;
  readonly done: number;
  /** Unknown when absent. */
  readonly total?: number;
  readonly unit: 'bytes' | 'items';
  /** Set on the last report of the task. */
  readonly finished?: boolean;
}

export type ReportProgress = (event: ProgressEvent) => void;
