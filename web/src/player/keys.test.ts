import { expect, test } from 'vitest';
import { commandOf, speedBy } from './keys';

test.each([
  [' ', { kind: 'toggle-play' }],
  ['K', { kind: 'toggle-play' }],
  ['j', { kind: 'seek-by', seconds: -10 }],
  ['ArrowRight', { kind: 'seek-by', seconds: 5 }],
  ['7', { kind: 'seek-to', share: 0.7 }],
  ['<', { kind: 'speed-by', steps: -1 }],
  ['?', { kind: 'help' }],
  ['x', null],
])('%j means %j', (key, command) => expect(commandOf(press(key))).toEqual(command));

test('where somebody types, keys are letters', () => {
  expect(commandOf(press('k', { tagName: 'INPUT', type: 'text' }))).toBeNull();
  expect(commandOf(press('k', { tagName: 'TEXTAREA' }))).toBeNull();
  expect(commandOf(press('?', { tagName: 'DIV', isContentEditable: true }))).toBeNull();
});

test('a focused button keeps the space bar, a slider its arrows', () => {
  expect(commandOf(press(' ', { tagName: 'BUTTON' }))).toBeNull();
  expect(commandOf(press('k', { tagName: 'BUTTON' }))).toEqual({ kind: 'toggle-play' });
  expect(commandOf(press('ArrowLeft', { tagName: 'MEDIA-TIME-RANGE' }))).toBeNull();
  expect(commandOf(press('m', { tagName: 'MEDIA-TIME-RANGE' }))).toEqual({ kind: 'toggle-mute' });
});

test('shortcuts of the browser are left alone', () => {
  expect(commandOf({ ...press('f'), ctrlKey: true })).toBeNull();
});

test('speed goes in steps and stops at both ends', () => {
  expect(speedBy(1, 1)).toBe(1.25);
  expect(speedBy(1.05, -1)).toBe(0.75);
  expect(speedBy(2, 1)).toBe(2);
});

function press(key: string, target: object | null = null) {
  return { key, ctrlKey: false, metaKey: false, altKey: false, target: target as EventTarget | null };
}
