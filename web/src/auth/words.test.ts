import { expect, test } from 'vitest';
import { letterLanguage } from './words';

test('letters are in the first language that the server writes', () => {
  expect(letterLanguage(['vi-VN', 'en'])).toBe('vi');
  expect(letterLanguage(['fr', 'EN-gb', 'vi'])).toBe('en');
  expect(letterLanguage(['de'])).toBe('en');
  expect(letterLanguage([])).toBe('en');
});
