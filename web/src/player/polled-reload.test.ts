import { expect, test } from 'vitest';
import { awaitedBy, has, withoutWaiting } from './polled-reload';

test('what is waited for is read from the query, in any order', () => {
  expect(awaitedBy('/s/1/index.m3u8?_HLS_msn=41&_HLS_part=2&_HLS_skip=YES')).toEqual({ msn: 41, part: 2 });
  expect(awaitedBy('/s/1/index.m3u8?_HLS_skip=YES&_HLS_msn=41')).toEqual({ msn: 41, part: null });
  expect(awaitedBy('/s/1/index.m3u8?_HLS_skip=YES')).toBeNull();
  expect(awaitedBy('/s/1/41.2.m4s')).toBeNull();
});

test('nothing but the waiting is taken out of the URL', () => {
  expect(withoutWaiting('/a.m3u8?_HLS_msn=41&_HLS_part=2&_HLS_skip=YES&x=1')).toBe('/a.m3u8?_HLS_skip=YES&x=1');
  expect(withoutWaiting('/a.m3u8?_HLS_msn=41')).toBe('/a.m3u8');
  expect(withoutWaiting('/a.m3u8')).toBe('/a.m3u8');
});

const PLAYLIST = `#EXTM3U
#EXT-X-MEDIA-SEQUENCE:10
#EXTINF:2,
10.m4s
#EXT-X-PART:DURATION=0.5,URI="11.0.m4s"
#EXTINF:2,
11.m4s
#EXT-X-PART:DURATION=0.5,URI="12.0.m4s"
#EXT-X-PART:DURATION=0.5,URI="12.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="12.2.m4s"
`;

test('a playlist has what it lists, and no more', () => {
  expect(has(PLAYLIST, { msn: 11, part: 7 })).toBe(true);
  expect(has(PLAYLIST, { msn: 11, part: null })).toBe(true);
  expect(has(PLAYLIST, { msn: 12, part: 1 })).toBe(true);
  expect(has(PLAYLIST, { msn: 12, part: 2 })).toBe(false);
  expect(has(PLAYLIST, { msn: 12, part: null })).toBe(false);
  expect(has(PLAYLIST, { msn: 13, part: 0 })).toBe(false);
});

test('skipped segments count, and the end is the end', () => {
  const delta = PLAYLIST.replace('#EXTINF:2,\n10.m4s', '#EXT-X-SKIP:SKIPPED-SEGMENTS=100');
  expect(has(delta, { msn: 111, part: 1 })).toBe(true);
  expect(has(delta, { msn: 111, part: 2 })).toBe(false);
  expect(has(`${PLAYLIST}#EXT-X-ENDLIST\n`, { msn: 99, part: 0 })).toBe(true);
});
