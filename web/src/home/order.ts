// How sessions are grouped on the first page.

import type { Session } from '../api/types';

export interface Groups {
  now: Session[];
  coming: Session[];
  past: Session[];
}

export function groups(sessions: readonly Session[]): Groups {
  const by = (...statuses: Array<Session['status']>) => sessions.filter((session) => statuses.includes(session.status));
  return {
    now: by('live', 'interrupted').sort((a, b) => time(b.started_at ?? b.starts_at) - time(a.started_at ?? a.starts_at)),
    coming: by('scheduled').sort((a, b) => time(a.starts_at) - time(b.starts_at)),
    past: by('ended', 'cancelled').sort((a, b) => time(b.ended_at ?? b.starts_at) - time(a.ended_at ?? a.starts_at)),
  };
}

/** A session without a time stands after all others. */
function time(at: string | null): number {
  return at === null ? Number.MAX_SAFE_INTEGER : Date.parse(at);
}

export function teacherName(session: Session): string | null {
  const { teacher } = session.course;
  return typeof teacher === 'string' ? teacher : (teacher?.full_name ?? null);
}
