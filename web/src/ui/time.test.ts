import { expect, test } from 'vitest';
import { clockTime, countdown, dayAndTime, dayAndTimeWithin, spokenTime } from './time';

test.each([
  [0, '0:00'],
  [75.9, '1:15'],
  [3675, '1:01:15'],
  [-3, '0:00'],
  [Number.NaN, '0:00'],
  [Number.POSITIVE_INFINITY, '0:00'],
])('%d seconds read %s', (seconds, text) => expect(clockTime(seconds)).toBe(text));

test('a time is spoken with the units that are there', () => {
  expect(spokenTime(3601)).toBe('1 hour 1 second');
  expect(spokenTime(0)).toBe('0 seconds');
});

test.each([
  [90_000, '1:30'],
  [500, '0:01'],
  [2 * 3600_000, '2:00:00'],
  [30 * 3600_000, '1 day 6 h'],
  [5 * 86_400_000, '5 days'],
])('%d ms before the start the countdown reads %s', (left, text) => {
  expect(countdown(left, 0)?.figures).toBe(text);
});

test('the countdown ends at the start', () => {
  expect(countdown(1000, 1000)).toBeNull();
});

test('days near today have names', () => {
  const now = new Date(2026, 10, 20, 12).getTime();
  const hour = 3600_000;
  expect(dayAndTime(now + 2 * hour, now, 'en-GB')).toBe('Today, 14:00');
  expect(dayAndTime(now + 24 * hour, now, 'en-GB')).toBe('Tomorrow, 12:00');
  expect(dayAndTime(now - 24 * hour, now, 'en-GB')).toBe('Yesterday, 12:00');
  expect(dayAndTime(now + 72 * hour, now, 'en-GB')).toBe('Mon 23 Nov, 12:00');
});

test('days near today are written small within a sentence', () => {
  const now = new Date(2026, 10, 20, 12).getTime();
  expect(dayAndTimeWithin(now, now, 'en-GB')).toBe('today, 12:00');
  expect(dayAndTimeWithin(now + 72 * 3600_000, now, 'en-GB')).toBe('Mon 23 Nov, 12:00');
});
