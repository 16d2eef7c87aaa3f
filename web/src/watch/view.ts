// What the watch page shows, from what is known. Pure: the words and pictures are elsewhere.

import type { Session } from '../api/types';

/** What the server said when asked for the session. */
export type Known =
  | { kind: 'loading' }
  | { kind: 'not-found' }
  | { kind: 'forbidden' }
  | { kind: 'unreachable' }
  | { kind: 'session'; session: Session };

export interface Facts {
  known: Known;
  /** A playback grant is held and the player has a source. */
  hasSource: boolean;
  /** The player reached the end of the lecture. */
  playedOut: boolean;
  /** Playing is wanted and the picture stands, or the player is being rebuilt. */
  stalled: boolean;
  /** The encoder is connected; null when not known. */
  publishing: boolean | null;
  online: boolean;
  /** Milliseconds since 1970. */
  now: number;
}

export type View =
  | { kind: 'loading' }
  | { kind: 'not-enrolled' }
  | { kind: 'not-found' }
  | { kind: 'unreachable' }
  | { kind: 'cancelled' }
  /** Not live yet. `startsAt` null: not scheduled. `isLate`: the time has come and the teacher has not. */
  | { kind: 'waiting'; startsAt: number | null; isLate: boolean }
  /** Live, the first picture is on its way. */
  | { kind: 'joining' }
  | { kind: 'playing' }
  | { kind: 'reconnecting'; cause: 'teacher' | 'network' | 'playback' }
  | { kind: 'ended'; canReplay: boolean };

export function viewOf(facts: Facts): View {
  const { known } = facts;
  if (known.kind === 'loading') return { kind: 'loading' };
  if (known.kind === 'not-found') return { kind: 'not-found' };
  if (known.kind === 'forbidden') return { kind: 'not-enrolled' };
  if (known.kind === 'unreachable') return { kind: 'unreachable' };
  return viewOfSession(known.session, facts);
}

function viewOfSession(session: Session, facts: Facts): View {
  if (!session.can_watch && !session.is_owner) return { kind: 'not-enrolled' };
  switch (session.status) {
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'scheduled':
      return waiting(session, facts.now);
    case 'ended':
      // Whoever is still watching, or watching back, sees it to its end.
      if (facts.hasSource && !facts.playedOut && !facts.stalled) return { kind: 'playing' };
      return { kind: 'ended', canReplay: facts.hasSource && session.dvr };
    case 'live':
    case 'interrupted':
      return onAir(session, facts);
  }
}

function onAir(session: Session, facts: Facts): View {
  if (facts.playedOut) return { kind: 'ended', canReplay: session.dvr };
  const teacherGone = session.status === 'interrupted' || facts.publishing === false;
  if (!facts.hasSource) return teacherGone ? { kind: 'reconnecting', cause: 'teacher' } : { kind: 'joining' };
  if (!facts.stalled) return { kind: 'playing' };
  if (!facts.online) return { kind: 'reconnecting', cause: 'network' };
  return { kind: 'reconnecting', cause: teacherGone ? 'teacher' : 'playback' };
}

function waiting(session: Session, now: number): View {
  const startsAt = session.starts_at === null ? null : Date.parse(session.starts_at);
  return { kind: 'waiting', startsAt, isLate: startsAt !== null && startsAt <= now };
}

const NEAR_MS = 60_000;

/** How long until the session is asked for again: quickly when something is about to change. Null: not at all. */
export function nextAskMs(view: View, now: number): number | null {
  switch (view.kind) {
    case 'waiting': {
      const left = view.startsAt === null ? 0 : view.startsAt - now;
      // A teacher may begin before the hour, so even a far start is asked for now and then.
      return left <= NEAR_MS ? 2_000 : Math.min(Math.max(left / 20, 5_000), 30_000);
    }
    case 'loading':
    case 'joining':
    case 'unreachable':
      return 2_000;
    case 'reconnecting':
      return 2_000;
    case 'playing':
      return 5_000;
    case 'not-enrolled':
    case 'not-found':
      return 15_000;
    case 'ended':
    case 'cancelled':
      return null;
  }
}
