import { expect, test } from 'vitest';
import { logInPath, safeNext } from './next';

test.each([
  ['/watch/1', '/watch/1'],
  [null, '/'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/\t/evil.example', '/'],
])('%j leads to %j', (next, path) => expect(safeNext(next)).toBe(path));

test('the way back stands in the link', () => {
  expect(logInPath('/watch/1?x=2')).toBe('/login?next=%2Fwatch%2F1%3Fx%3D2');
  expect(logInPath('/')).toBe('/login');
});
