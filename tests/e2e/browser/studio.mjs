// A teacher's desk: what arrives, his own picture, the end of the lecture.

import { argument, logIn, look, playing, shot, untilNumber, withPage } from './chromium.mjs';

await withPage({}, async (page) => {
  await page.goto(`${argument.origin}/studio/${argument.course}`);
  await page.locator('input[name=email]').waitFor();
  await logIn(page);
  await page.getByRole('heading', { name: 'Incoming stream' }).waitFor();
  await page.getByText('Everything looks right.').waitFor();
  await playing(page);
  await look(page);
  await untilNumber(page, { min: 0 });
  await shot(page, 'studio', { fullPage: true });
  const tiles = await page.locator('.tile').allInnerTexts();

  await page.setViewportSize({ width: 390, height: 844 });
  await shot(page, 'studio-phone', { fullPage: true });
  await page.setViewportSize({ width: 1280, height: 800 });

  await page.getByRole('button', { name: 'End lecture' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End lecture' }).click();
  await page.getByRole('button', { name: 'Go live' }).waitFor();
  await shot(page, 'studio-ended');
  return { tiles };
});
