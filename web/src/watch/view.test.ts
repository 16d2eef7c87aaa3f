import { expect, test } from 'vitest';
import type { Session } from '../api/types';
import { type Facts, nextAskMs, viewOf } from './view';

const START = Date.parse('2026-11-20T14:00:00Z');

test('before the start there is a countdown', () => {
  const view = viewOf(facts({ status: 'scheduled' }, { now: START - 90_000 }));
  expect(view).toEqual({ kind: 'waiting', startsAt: START, isLate: false });
});

test('when the hour has come without the teacher it says so and goes on waiting', () => {
  expect(viewOf(facts({ status: 'scheduled' }, { now: START + 1 }))).toMatchObject({ kind: 'waiting', isLate: true });
});

test('a session without a time waits too', () => {
  expect(viewOf(facts({ status: 'scheduled', starts_at: null }))).toMatchObject({ startsAt: null, isLate: false });
});

test('once live it joins, then plays', () => {
  expect(viewOf(facts({}, { hasSource: false }))).toEqual({ kind: 'joining' });
  expect(viewOf(facts({}))).toEqual({ kind: 'playing' });
});

test.each([
  ['his network', { online: false }, 'network'],
  ["the teacher's encoder", { publishing: false }, 'teacher'],
  ['anything else', {}, 'playback'],
])('a stall by %s is told apart', (_, more, cause) => {
  expect(viewOf(facts({}, { stalled: true, ...more }))).toEqual({ kind: 'reconnecting', cause });
});

test('watching back goes on while the teacher is gone', () => {
  expect(viewOf(facts({ status: 'interrupted' }, { publishing: false }))).toEqual({ kind: 'playing' });
});

test('joining while the teacher is gone says whom one waits for', () => {
  expect(viewOf(facts({ status: 'interrupted' }, { hasSource: false }))).toEqual({ kind: 'reconnecting', cause: 'teacher' });
});

test('an ended lecture plays to its end for whoever is in it', () => {
  expect(viewOf(facts({ status: 'ended' }))).toEqual({ kind: 'playing' });
  expect(viewOf(facts({ status: 'ended' }, { playedOut: true }))).toEqual({ kind: 'ended', canReplay: true });
  expect(viewOf(facts({ status: 'ended' }, { hasSource: false }))).toEqual({ kind: 'ended', canReplay: false });
});

test('the end is seen before the server says so', () => {
  expect(viewOf(facts({}, { playedOut: true }))).toMatchObject({ kind: 'ended' });
});

test('whoever is not enrolled is told, the owner watches', () => {
  expect(viewOf(facts({ can_watch: false }))).toEqual({ kind: 'not-enrolled' });
  expect(viewOf(facts({ can_watch: false, is_owner: true }))).toEqual({ kind: 'playing' });
  expect(viewOf({ ...facts({}), known: { kind: 'forbidden' } })).toEqual({ kind: 'not-enrolled' });
});

test('a far start is asked for rarely, a near one often', () => {
  const waiting = { kind: 'waiting', startsAt: START, isLate: false } as const;
  expect(nextAskMs(waiting, START - 86_400_000)).toBe(30_000);
  expect(nextAskMs(waiting, START - 300_000)).toBe(15_000);
  expect(nextAskMs(waiting, START - 30_000)).toBe(2_000);
  expect(nextAskMs({ kind: 'ended', canReplay: false }, START)).toBeNull();
});

function facts(session: Partial<Session>, more: Partial<Facts> = {}): Facts {
  const whole: Session = {
    id: 's',
    course: { id: 'c', title: 'Course' },
    title: 'Lecture',
    status: 'live',
    starts_at: '2026-11-20T14:00:00Z',
    ends_at: null,
    started_at: null,
    ended_at: null,
    can_watch: true,
    is_owner: false,
    dvr: true,
    ...session,
  };
  return {
    known: { kind: 'session', session: whole },
    hasSource: true,
    playedOut: false,
    stalled: false,
    publishing: true,
    online: true,
    now: START,
    ...more,
  };
}
