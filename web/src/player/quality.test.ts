import { expect, test } from 'vitest';
import { qualityChoices, qualityName } from './quality';

test.each([
  [1080, 'HD'],
  [720, 'HD'],
  [719, 'SD'],
  [480, 'SD'],
  [360, 'SD'],
  [240, 'Mobile'],
])('%i lines are %s', (height, name) => expect(qualityName(height)).toBe(name));

test('the menu lists the best first and keeps the index of each level', () => {
  const menu = qualityChoices([level(240, 4e5), level(480, 12e5), level(720, 25e5)]);
  expect(menu.map((line) => [line.index, line.name, line.detail])).toEqual([
    [2, 'HD', '720p'],
    [1, 'SD', '480p'],
    [0, 'Mobile', '240p'],
  ]);
});

test('two levels of one height are told apart by bitrate', () => {
  const menu = qualityChoices([level(720, 25e5), level(720, 6e6)]);
  expect(menu.map((line) => line.detail)).toEqual(['720p · 6.0 Mb/s', '720p · 2.5 Mb/s']);
});

test('a level without a picture is no quality', () => {
  expect(qualityChoices([level(0, 64e3)])).toEqual([]);
});

function level(height: number, bitrate: number) {
  return { height, bitrate };
}
