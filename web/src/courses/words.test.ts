import { expect, test } from 'vitest';
import { join, places, price, standing } from './words';

test.each([
  [0, 'VND', 'Free'],
  [150_000, 'VND', '₫150,000'],
  [4900, 'USD', '$49.00'],
  [1, 'EUR', '€0.01'],
  [5, 'bad!', '5 bad!'],
])('%d of %s reads %s', (minor, currency, text) => expect(price(minor, currency, 'en-US')).toBe(text));

const course = { access: 'public', stage: 'published', capacity: 10, taken: 3, waiting_list: true, price_minor: 0 } as const;

test('the button says what will happen', () => {
  expect(join(course)?.action).toBe('Join this course');
  expect(join({ ...course, access: 'private' })).toMatchObject({ action: 'Ask for a place', asks: true });
  expect(join({ ...course, access: 'paid', price_minor: 10 })?.action).toBe('Reserve a place');
  expect(join({ ...course, access: 'paid' })?.action).toBe('Join this course');
  expect(join({ ...course, taken: 10 })?.action).toBe('Join the waiting list');
});

test('where nobody is taken in there is no button', () => {
  expect(join({ ...course, stage: 'archived' })).toBeNull();
  expect(join({ ...course, taken: 10, waiting_list: false })).toBeNull();
});

test('few places are counted down', () => {
  expect(places(course)).toBe('3 of 10 places taken');
  expect(places({ ...course, taken: 9 })).toBe('1 place left');
  expect(places({ ...course, taken: 12 })).toBe('Full, with a waiting list');
  expect(places({ ...course, taken: 10, waiting_list: false })).toBe('Full');
});

test('who waits is told how long the queue is', () => {
  expect(standing('waitlisted', 0).text).toContain('the next');
  expect(standing('waitlisted', 4).text).toContain('4 before you');
});
