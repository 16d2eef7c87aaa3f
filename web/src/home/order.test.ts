import { expect, test } from 'vitest';
import type { Session } from '../api/types';
import { groups } from './order';

test('live first, then the next to come, then the latest of the past', () => {
  const sorted = groups([
    session('a', 'ended', '10'),
    session('b', 'scheduled', '15'),
    session('c', 'live', '12'),
    session('d', 'scheduled', '13'),
    session('e', 'ended', '11'),
    session('f', 'interrupted', '11'),
    session('g', 'cancelled', '09'),
  ]);
  const ids = (list: Session[]) => list.map((one) => one.id).join('');
  expect([ids(sorted.now), ids(sorted.coming), ids(sorted.past)]).toEqual(['cf', 'db', 'eag']);
});

function session(id: string, status: Session['status'], hour: string): Session {
  return {
    id,
    status,
    title: id,
    course: { id: 'c', title: 'Course' },
    starts_at: `2026-11-20T${hour}:00:00Z`,
    ends_at: null,
    started_at: null,
    ended_at: null,
    can_watch: true,
    is_owner: false,
    dvr: true,
  };
}
