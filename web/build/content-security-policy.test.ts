import { expect, test } from 'vitest';
import { policy, styleHashes } from './content-security-policy.ts';

test('nothing inline is allowed but the styles whose hashes are listed', async () => {
  const text = policy(await styleHashes());
  expect(text).not.toContain('unsafe');
  expect(text).toMatch(/style-src 'self' 'sha256-[A-Za-z0-9+/=]{44}'/);
  expect(text).toContain("script-src 'self';");
});

test('the elements of the stage have their styles listed', async () => {
  // Controller, gestures, range, time range, buttons, tooltip at least.
  expect((await styleHashes()).length).toBeGreaterThanOrEqual(8);
});
