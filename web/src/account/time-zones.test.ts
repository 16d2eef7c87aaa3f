import { expect, test } from 'vitest';
import { timeZones } from './time-zones';

test("a person's own zone is among them even where the browser does not know it", () => {
  expect(timeZones('Asia/Hanoi', ['Asia/Ho_Chi_Minh', 'Europe/Paris'])).toEqual(['Asia/Hanoi', 'Asia/Ho_Chi_Minh', 'Europe/Paris', 'UTC']);
  expect(timeZones('UTC', [])).toEqual(['UTC']);
});
