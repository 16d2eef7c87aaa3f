// Watches that the picture moves. Decides what to do when it does not; does nothing itself.
//
// With 1.6 s of buffer hls.js notices a slower network too late: a sudden drop from 60 Mb/s to 400 kb/s held the
// picture for a minute while it went on loading the best level. So: lowest level first, then a jump to the edge,
// then a new player.

/** What is seen, a few times a second. */
export interface Sight {
  /** Milliseconds, never falling. */
  now: number;
  /** Playing is wanted: not paused, not ended, something is loaded. */
  wanted: boolean;
  /** The media element's currentTime. */
  positionS: number;
  /** Waiting is right: the teacher's connection or the viewer's network is known to be gone. */
  excused: boolean;
}

export type Remedy = 'lowest-level' | 'jump-to-edge' | 'rebuild' | 'any-level';

const STALLED_AFTER_MS = 700;
const LOWEST_LEVEL_AFTER_MS = 2_000;
const JUMP_AFTER_MS = 6_000;
const REBUILD_AFTER_MS = 14_000;
const REBUILD_WAIT_MAX_MS = 60_000;
/** After this long without a stall the level is left to hls.js again. */
const STEADY_AFTER_MS = 12_000;
const MOVED_S = 0.02;

export class StallWatchdog {
  #position = Number.NaN;
  #movedAt = 0;
  #stallEndedAt = 0;
  #done = new Set<Remedy>();
  #lowered = false;
  #rebuildAt = REBUILD_AFTER_MS;
  #stalled = false;

  /** True while the picture stands and should not. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** What to do now; mostly nothing. Each remedy is named once a stall, the rebuild again with growing pauses. */
  look(sight: Sight): Remedy | null {
    const moved = Number.isNaN(this.#position) || Math.abs(sight.positionS - this.#position) > MOVED_S;
    this.#position = sight.positionS;
    if (moved || !sight.wanted) return this.#moves(sight.now, moved);
    const still = sight.now - this.#movedAt;
    this.#stalled = still >= STALLED_AFTER_MS;
    if (sight.excused) {
      // Counting starts when there is something to wait for again.
      this.#movedAt = Math.max(this.#movedAt, sight.now - STALLED_AFTER_MS);
      return null;
    }
    if (still >= this.#rebuildAt) {
      this.#rebuildAt = still + Math.min(this.#rebuildAt * 2, REBUILD_WAIT_MAX_MS);
      return 'rebuild';
    }
    if (still >= JUMP_AFTER_MS) return this.#once('jump-to-edge');
    if (still >= LOWEST_LEVEL_AFTER_MS) {
      this.#lowered = true;
      return this.#once('lowest-level');
    }
    return null;
  }

  #moves(now: number, moved: boolean): Remedy | null {
    if (this.#stalled) this.#stallEndedAt = now;
    this.#stalled = false;
    this.#movedAt = now;
    this.#done.clear();
    this.#rebuildAt = REBUILD_AFTER_MS;
    if (!moved || !this.#lowered || now - this.#stallEndedAt < STEADY_AFTER_MS) return null;
    this.#lowered = false;
    return 'any-level';
  }

  #once(remedy: Remedy): Remedy | null {
    if (this.#done.has(remedy)) return null;
    this.#done.add(remedy);
    return remedy;
  }
}
