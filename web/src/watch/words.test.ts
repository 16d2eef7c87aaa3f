import { expect, test } from 'vitest';
import { announcement, wordsFor } from './words';

test('a playing lecture has no words over it', () => {
  expect(wordsFor({ kind: 'playing' })).toBeNull();
});

test('whoever waits for the teacher is told whose connection it is', () => {
  expect(wordsFor({ kind: 'reconnecting', cause: 'teacher' })?.title).toMatch(/teacher/);
  expect(wordsFor({ kind: 'reconnecting', cause: 'network' })?.title).toMatch(/You are offline/);
});

test('a screen reader is not told the seconds', () => {
  expect(announcement({ kind: 'waiting', startsAt: 5_000, isLate: false })).not.toMatch(/\d/);
});
