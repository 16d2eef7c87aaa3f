// A student's lecture: logs in, watches, switches quality, scrubs back, survives a drop, listens alone.

import { writeFileSync } from 'node:fs';
import { argument, logIn, look, percentile, pictureNumber, playing, samples, shot, stalls, untilNumber, withPage } from './chromium.mjs';

const FPS = 30;

await withPage({}, async (page) => {
  const measured = {};
  await page.goto(`${argument.origin}/watch/${argument.session}`);
  await page.locator('input[name=email]').waitFor();
  await shot(page, 'login');
  await logIn(page);

  const asked = Date.now();
  await playing(page);
  measured.startup_s = (Date.now() - asked) / 1000;
  await look(page);
  await untilNumber(page, { min: 0 });
  await shot(page, 'watch');

  // Fifteen seconds of lecture: the event to wait for is the picture itself.
  const first = await pictureNumber(page);
  await untilNumber(page, { min: first + 15 * FPS });
  const behind = (await samples(page))
    .filter((sample) => sample.number !== null)
    .map((sample) => (sample.wall - argument.published_at_ms) / 1000 - sample.number / FPS);
  measured.latency_p50_s = percentile(behind, 0.5);
  measured.latency_p95_s = percentile(behind, 0.95);
  measured.stalls = (await stalls(page)).length;
  measured.unreadable = (await samples(page)).filter((sample) => sample.number === null).length;

  // Quality: the picture's own height tells. With a video of 360 lines there is one rung below it.
  measured.qualities = await inSettings(page, (settings) => settings.locator('.choice').allInnerTexts());
  await choose(page, '240p');
  await page.waitForFunction(() => document.querySelector('video').videoHeight === 240);
  await shot(page, 'watch-240p');
  await choose(page, '360p');
  await page.waitForFunction(() => document.querySelector('video').videoHeight === 360);
  await choose(page, 'Auto');

  // Back by twenty seconds, and on from there.
  const before = await pictureNumber(page);
  const back = page.getByLabel('Back 10 seconds');
  await back.click();
  await back.click();
  await untilNumber(page, { min: 0, max: before - 10 * FPS });
  await page.getByRole('button', { name: /^Go live/ }).waitFor();
  const there = await pictureNumber(page);
  await untilNumber(page, { min: there + 2 * FPS, max: before });
  await shot(page, 'watch-back');
  await page.getByRole('button', { name: /^Go live/ }).click();
  await untilNumber(page, { min: before });
  measured.went_live = true;

  // The publisher goes away, and comes back with pictures from its second minute.
  const stallsBefore = (await stalls(page)).length;
  await page.waitForFunction(() => !document.querySelector('.curtain'));
  const gone = Date.now();
  writeFileSync(argument.drop, '');
  // The slate has no number in its picture; it plays.
  await page.waitForFunction((since) => {
    const late = window.seen.samples.filter((sample) => sample.wall > since).slice(-10);
    return late.length === 10 && late.every((sample) => sample.number === null) && late[9].at > late[0].at + 0.5;
  }, gone);
  await shot(page, 'watch-slate');
  await untilNumber(page, { min: argument.returns_at_number }, 60_000);
  measured.longest_stall_in_drop_s = Math.max(0, ...(await stalls(page)).slice(stallsBefore).map((stall) => stall.seconds));
  measured.drop_to_picture_s = (Date.now() - gone) / 1000;
  const returned = await pictureNumber(page);
  await untilNumber(page, { min: returned + 3 * FPS });
  await shot(page, 'watch-returned');

  // Sound alone.
  await choose(page, 'Audio only');
  await page.waitForFunction(() => document.querySelector('video').videoHeight === 0);
  const at = await page.evaluate(() => document.querySelector('video').currentTime);
  await page.waitForFunction((from) => document.querySelector('video').currentTime > from + 2, at);
  await shot(page, 'watch-audio');
  await choose(page, 'Auto');
  await page.waitForFunction(() => document.querySelector('video').videoHeight > 0);

  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForFunction(() => !document.querySelector('.curtain'));
  await untilNumber(page, { min: 0 });
  await shot(page, 'watch-phone');
  measured.stalled = await stalls(page);
  return measured;
});

async function inSettings(page, use) {
  // The controls hide while nothing moves.
  await page.mouse.move(600, 300);
  await page.mouse.move(620, 320);
  await page.getByRole('button', { name: 'Settings' }).click();
  const settings = page.getByRole('dialog', { name: 'Settings' });
  await settings.waitFor();
  const answer = await use(settings);
  await page.keyboard.press('Escape');
  return answer;
}

async function choose(page, name) {
  await inSettings(page, async (settings) => {
    if (name === '240p') await shot(page, 'watch-settings');
    await settings.locator('.choice', { hasText: name }).first().locator('input').check();
  });
}
