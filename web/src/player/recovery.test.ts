import { expect, test } from 'vitest';
import { cureFor, waitMs } from './recovery';

test('the first error is cured cheaply, the next by a new player', () => {
  expect(cureFor('network', 1)).toBe('start-load');
  expect(cureFor('media', 1)).toBe('recover-media');
  expect(cureFor('other', 1)).toBe('rebuild');
  expect(cureFor('media', 2)).toBe('rebuild');
});

test('waits double up to fifteen seconds', () => {
  expect([1, 2, 3, 6, 40].map((attempt) => waitMs(attempt, 0.5))).toEqual([500, 1000, 2000, 15_000, 15_000]);
});

test('waits are spread by a quarter both ways', () => {
  expect(waitMs(2, 0)).toBe(750);
  expect(waitMs(2, 1)).toBe(1250);
});
