// The first minute of a newcomer: the page that the demo prints.

import { argument, logIn, playing, shot, withPage } from './chromium.mjs';

await withPage({}, async (page) => {
  await page.goto(argument.page);
  const form = page.locator('input[name=email]');
  await Promise.race([form.waitFor(), page.locator('video').waitFor({ state: 'attached' })]);
  if (await form.isVisible()) await logIn(page);
  await playing(page);
  // Ten seconds of lecture without a moment of standing still.
  const measured = await page.evaluate(async () => {
    const video = document.querySelector('video');
    const begin = video.currentTime;
    let longest = 0;
    let at = begin;
    let since = performance.now();
    return new Promise((done) => {
      const timer = setInterval(() => {
        const now = performance.now();
        if (video.currentTime !== at) {
          longest = Math.max(longest, now - since);
          at = video.currentTime;
          since = now;
        }
        if (at > begin + 10) {
          clearInterval(timer);
          done({ longest_standstill_s: longest / 1000, height: video.videoHeight });
        }
      }, 50);
    });
  });
  await page.mouse.move(600, 300);
  await page.mouse.move(620, 320);
  measured.badge = await page.locator('.live').innerText();
  await shot(page, 'demo');
  return measured;
});
