import { expect, test } from 'vitest';
import { type Remedy, type Sight, StallWatchdog } from './stall-watchdog';

test('a moving picture needs nothing', () => {
  expect(watch(new StallWatchdog(), playing(0, 30))).toEqual([]);
});

test('a stall is answered by the lowest level, a jump, then a new player', () => {
  const dog = new StallWatchdog();
  watch(dog, playing(0, 2));
  expect(watch(dog, standing(2, 18))).toEqual([
    [4, 'lowest-level'],
    [8, 'jump-to-edge'],
    [16, 'rebuild'],
  ]);
});

test('new players come with growing pauses', () => {
  const dog = new StallWatchdog();
  const rebuilds = watch(dog, standing(0, 200)).filter(([, remedy]) => remedy === 'rebuild');
  expect(rebuilds.map(([at]) => at)).toEqual([14, 42, 102, 162]);
});

test('the level is left to hls.js again after twelve steady seconds', () => {
  const dog = new StallWatchdog();
  watch(dog, standing(0, 3));
  expect(watch(dog, playing(3, 30))).toEqual([[15, 'any-level']]);
});

test('a pause is no stall', () => {
  const sights = standing(0, 60).map((sight) => ({ ...sight, wanted: false }));
  const dog = new StallWatchdog();
  expect(watch(dog, sights)).toEqual([]);
  expect(dog.stalled).toBe(false);
});

test('while the teacher is gone the stall is seen and nothing is done', () => {
  const dog = new StallWatchdog();
  const sights = standing(0, 60).map((sight) => ({ ...sight, excused: true }));
  expect(watch(dog, sights)).toEqual([]);
  expect(dog.stalled).toBe(true);
});

test('when he is back the picture gets its time before anything is done', () => {
  const dog = new StallWatchdog();
  watch(dog, standing(0, 60).map((sight) => ({ ...sight, excused: true })));
  expect(watch(dog, sights(60, 67, () => 0))[0]).toEqual([61.5, 'lowest-level']);
});

function playing(fromS: number, toS: number): Sight[] {
  return sights(fromS, toS, (s) => s);
}

function standing(fromS: number, toS: number): Sight[] {
  return sights(fromS, toS, () => fromS);
}

function sights(fromS: number, toS: number, position: (s: number) => number): Sight[] {
  const all: Sight[] = [];
  for (let s = fromS; s <= toS; s += 0.25) {
    all.push({ now: s * 1000, wanted: true, positionS: position(s), excused: false });
  }
  return all;
}

function watch(dog: StallWatchdog, seen: Sight[]): Array<[number, Remedy]> {
  return seen.flatMap((sight) => {
    const remedy = dog.look(sight);
    return remedy ? [[sight.now / 1000, remedy] as [number, Remedy]] : [];
  });
}
