import { expect, test } from 'vitest';
import { invitedCode } from './invited';

test('the code outlives the log-in that comes in between', () => {
  const kept = new Map<string, string>();
  const store = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => void kept.set(key, text) };
  expect(invitedCode('', store)).toBe('');
  expect(invitedCode('#kX2v-9_abcdefgh', store)).toBe('kX2v-9_abcdefgh');
  expect(invitedCode('', store)).toBe('kX2v-9_abcdefgh');
});

test('what is no code is not kept', () => {
  for (const hash of ['#', '#main', '#<script>alert(1)</script>']) expect(invitedCode(hash, null)).toBe('');
});
