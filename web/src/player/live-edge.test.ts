import { expect, test } from 'vitest';
import { follows, latencySettings } from './live-edge';

test('a pause ends following, a short one resumes it', () => {
  expect(follows(true, { kind: 'paused' }, true)).toBe(false);
  expect(follows(false, { kind: 'resumed', lateS: 3 }, true)).toBe(true);
  expect(follows(false, { kind: 'resumed', lateS: 40 }, true)).toBe(false);
});

test('a seek back is watching back, a seek to the edge follows', () => {
  expect(follows(true, { kind: 'sought', lateS: 60, movedS: -60 }, true)).toBe(false);
  expect(follows(false, { kind: 'sought', lateS: -0.2, movedS: 59 }, true)).toBe(true);
  expect(follows(false, { kind: 'sought', lateS: 30, movedS: 20 }, true)).toBe(false);
});

test('a step forward over a hole on a slow network is nobody watching back', () => {
  expect(follows(true, { kind: 'sought', lateS: 9, movedS: 0.3 }, true)).toBe(true);
});

test('without DVR whoever plays follows', () => {
  expect(follows(false, { kind: 'resumed', lateS: 300 }, false)).toBe(true);
});

test('going live always follows', () => {
  expect(follows(false, { kind: 'went-live' }, true)).toBe(true);
});

test('while watching back hls.js neither drags forward nor touches the speed', () => {
  expect(latencySettings(false)).toEqual({
    liveMaxLatencyDuration: Number.POSITIVE_INFINITY,
    maxLiveSyncPlaybackRate: 1,
  });
  expect(latencySettings(true)).toEqual({ liveMaxLatencyDuration: 10, maxLiveSyncPlaybackRate: 1.05 });
});
