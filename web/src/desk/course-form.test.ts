import { expect, test } from 'vitest';
import { changes, fromMinor, toMinor } from './course-form';

function form(fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

test('what is empty takes a bound away, what is not shown stays', () => {
  const body = changes(form({ title: ' Algebra ', language: '', access_days: '', category_id: 'x', listed: 'false', capacity: '30' }));
  expect(body).toMatchObject({ title: 'Algebra', language: null, access_days: null, category_id: 'x', listed: false, capacity: 30 });
  expect(body).not.toHaveProperty('price_minor');
  expect(body).not.toHaveProperty('currency');
});

test('a box that is not ticked says no', () => {
  expect(changes(form({ dvr: 'on' }))).toMatchObject({ dvr: true, record: false, waiting_list: false });
});

test.each([
  ['49.5', 'USD', 4950, '49.50'],
  ['0.29', 'EUR', 29, '0.29'],
  ['150000', 'VND', 150_000, '150000'],
  ['1.5', 'KWD', 1500, '1.500'],
])('a price of %s %s is %d minor units', (price, currency, minor, shown) => {
  expect(toMinor(Number(price), currency)).toBe(minor);
  expect(fromMinor(minor, currency)).toBe(shown);
  expect(changes(form({ price, currency }))).toMatchObject({ price_minor: minor, currency });
});
