import { expect, test } from 'vitest';
import type { LiveStatus } from '../api/types';
import { timelineOf } from './timeline';

test('another token is the same timeline, another epoch is not', () => {
  expect(timelineOf(preview('/p/a/s/1/2/index.m3u8'))).toBe(timelineOf(preview('/p/b/s/1/2/index.m3u8')));
  expect(timelineOf(preview('/p/a/s/1/2/index.m3u8'))).not.toBe(timelineOf(preview('/p/a/s/1/3/index.m3u8')));
});

test('nothing is shown before it can be played', () => {
  expect(timelineOf({ ...preview(null), state: 'live', playable: false })).toBeNull();
  expect(timelineOf(preview(null))).toBeNull();
});

function preview(url: string | null): LiveStatus {
  return {
    state: 'preview',
    session: null,
    publishing: true,
    playable: true,
    preview: url === null ? null : { hls_url: url, expires_at: '2026-11-20T14:00:00Z' },
    health: null,
    viewers: 0,
  };
}
