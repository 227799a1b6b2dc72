import { CHALLENGE_INTERVAL_MS, CHALLENGES_PER_INTERVAL } from './settings.ts';

/** How many doubtful segments of one connection were answered of late. */
export interface ChallengeAccount {
  challenges: number;
  /** Monotonic milliseconds. */
  challengesSince: number;
}

/** Whether one more doubtful segment may be answered, at a limited rate (RFC 5961 §7); if so, it is counted. */
export function mayChallenge(account: ChallengeAccount, now: number): boolean {
  if (now - account.challengesSince >= CHALLENGE_INTERVAL_MS) {
    account.challengesSince = now;
    account.challenges = 0;
  }
  if (account.challenges >= CHALLENGES_PER_INTERVAL) return false;
  account.challenges++;
  return true;
}
