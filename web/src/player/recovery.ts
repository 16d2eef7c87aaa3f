// What to do after an error that hls.js calls fatal, and how long to wait first.

export type Failure = 'network' | 'media' | 'other';
export type Cure = 'start-load' | 'recover-media' | 'rebuild';

const WAIT_MIN_MS = 500;
const WAIT_MAX_MS = 15_000;

/** The cure for the `attempt`-th fatal error in a row (from 1): first the cheap one, then a new player. */
export function cureFor(failure: Failure, attempt: number): Cure {
  if (attempt > 1) return 'rebuild';
  switch (failure) {
    case 'network':
      return 'start-load';
    case 'media':
      return 'recover-media';
    case 'other':
      return 'rebuild';
  }
}

/** Doubles from half a second to fifteen, spread by a quarter so that a class does not come back in lock-step. */
export function waitMs(attempt: number, random: number): number {
  const wait = Math.min(WAIT_MIN_MS * 2 ** (attempt - 1), WAIT_MAX_MS);
  return Math.round(wait * (0.75 + random * 0.5));
}
