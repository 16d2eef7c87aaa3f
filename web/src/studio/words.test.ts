import { expect, test } from 'vitest';
import type { PublicationHealth } from '../api/types';
import { adviceFor, codecName, figures, standing } from './words';

test.each([
  ['avc1.64001f', 'H.264 High'],
  ['avc1.4D401E', 'H.264 Main'],
  ['avc1.42c01e', 'H.264 Baseline'],
  ['mp4a.40.2', 'AAC-LC'],
  ['', 'none'],
  ['hvc1.1.6.L93', 'hvc1.1.6.L93'],
])('%j is called %s', (codec, name) => expect(codecName(codec)).toBe(name));

test('every warning names its cure, also one that is newer than the page', () => {
  expect(adviceFor('gop_too_long').cure).toMatch(/Keyframe Interval to 2 s/);
  expect(adviceFor('brand_new').cure).toMatch(/brand_new/);
});

test('figures are short and marked where a warning is about them', () => {
  const tiles = figures({ ...health, warnings: ['gop_too_long'] });
  expect(tiles.map((tile) => `${tile.value} ${tile.unit}`.trim())).toEqual([
    '2310 kb/s',
    '29.97 fps',
    '8.33 s',
    '1280 × 720',
    'H.264 High',
    'AAC-LC',
  ]);
  expect(tiles.filter((tile) => tile.isOff).map((tile) => tile.name)).toEqual(['Keyframe every']);
});

test('before anything arrives the tiles are empty', () => {
  expect(new Set(figures(null).map((tile) => tile.value))).toEqual(new Set(['–']));
});

test('sound alone has no picture', () => {
  const tiles = figures({ ...health, video_codec: '', width: 0, height: 0, warnings: ['video_missing'] });
  expect(tiles.find((tile) => tile.name === 'Picture')).toMatchObject({ value: '–', isOff: true });
  expect(tiles.find((tile) => tile.name === 'Video')?.value).toBe('none');
});

test('live without a publisher is said so', () => {
  expect(standing({ state: 'live', publishing: false }).tone).toBe('warn');
  expect(standing({ state: 'live', publishing: true }).tone).toBe('live');
});

const health: PublicationHealth = {
  bitrate_kbps: 2310,
  frame_rate: 29.9701,
  keyframe_interval_s: 8.333,
  width: 1280,
  height: 720,
  video_codec: 'avc1.64001f',
  audio_codec: 'mp4a.40.2',
  warnings: [],
  rungs: [],
  timestamps_corrected: 0,
};
