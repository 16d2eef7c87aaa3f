// Is the viewer following the lecture, or watching back? Decided by what he did, not by how far behind he is:
// a slow network may leave him behind for a while and he still means to follow.

/** A seek that lands this close to where live plays means "follow". */
const FOLLOW_WITHIN_S = 4;
/** hls.js jumps forward when a following viewer is further behind than this. */
export const LATENCY_WHILE_FOLLOWING_MAX_S = 10;
/** Catch-up rate while following; 1 elsewhere, where hls.js must leave the speed to the viewer. */
export const CATCH_UP_RATE = 1.05;

/** hls.js steps forward over holes by itself; nobody means to watch back by that. */
const BACKWARD_S = 1;

/** `lateS`: seconds behind the place where a following viewer would be; `movedS`: how far a seek went, forward positive. */
export type Deed =
  | { kind: 'paused' }
  | { kind: 'resumed'; lateS: number }
  | { kind: 'sought'; lateS: number; movedS: number }
  | { kind: 'went-live' };

/** Whether the viewer follows after the deed. Without DVR there is no watching back: he follows as soon as he plays. */
export function follows(following: boolean, deed: Deed, dvr: boolean): boolean {
  switch (deed.kind) {
    case 'paused':
      return false;
    case 'resumed':
      return !dvr || deed.lateS <= FOLLOW_WITHIN_S;
    case 'sought':
      if (following && deed.movedS > -BACKWARD_S) return true;
      return !dvr || deed.lateS <= FOLLOW_WITHIN_S;
    case 'went-live':
      return true;
  }
}

/** The settings of hls.js that differ between the two. */
export function latencySettings(following: boolean): {
  liveMaxLatencyDuration: number;
  maxLiveSyncPlaybackRate: number;
} {
  return following
    ? { liveMaxLatencyDuration: LATENCY_WHILE_FOLLOWING_MAX_S, maxLiveSyncPlaybackRate: CATCH_UP_RATE }
    : { liveMaxLatencyDuration: Number.POSITIVE_INFINITY, maxLiveSyncPlaybackRate: 1 };
}
