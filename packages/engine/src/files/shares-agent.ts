/** What of the machine's agent is needed (pkg/docker/engine-shares). Containers are named by their identifiers. */
export interface SharesAgent {
  /** Mounts shares that are not, and anew those of these tags. @returns containers that still have what is no longer served */
  attachShares(tags: readonly string[]): Promise<readonly string[]>;
  /** Unmounts all. @returns containers that have some of them: nothing has been done then */
  detachShares(): Promise<readonly string[]>;
  /** Answers whatever is asked of a share without a server, until its device has gone. */
  answerLostShare(tag: string): Promise<void>;
  /**
   * Unmounts one share of which no container has anything, so that its device can go.
   * @returns containers that have some of it: nothing has been done then
   */
  releaseShare(tag: string): Promise<readonly string[]>;
  /** Gives up what is remembered of files and is not in use, so that the servers can close them. */
  forgetFiles(): Promise<void>;
  /** The same once and for all, where the device stays. */
  abortShare(path: string): Promise<void>;
}
