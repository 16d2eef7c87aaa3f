// The first minute of a newcomer: the page that the demo prints.

import { argument, logIn, percentile, playing, shot, withPage } from './chromium.mjs';

await withPage({}, async (page) => {
  await page.goto(argument.page);
  const form = page.locator('input[name=email]');
  await Promise.race([form.waitFor(), page.locator('video').waitFor({ state: 'attached' })]);
  if (await form.isVisible()) await logIn(page);
  await playing(page);
  // Opened once more: by now he is logged in, as one is who comes to the next lecture.
  let opened_s;
  if (argument.again) {
    const asked = performance.now();
    await page.goto(page.url());
    await page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 0);
    opened_s = (performance.now() - asked) / 1000;
    await playing(page);
  }
  const seconds = argument.seconds ?? 10;
  // So much of the lecture. The second row of its bar code is the wall clock at which a picture was drawn: 40 blocks,
  // white and black, 32 bits of milliseconds, 4 of checksum, black and white.
  const measured = await page.evaluate(async ({ seconds, near_s, limit_s }) => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const delayS = () => {
      const { videoWidth: width, videoHeight: height } = video;
      canvas.width = width;
      canvas.height = height;
      context.drawImage(video, 0, 0);
      const row = context.getImageData(0, Math.floor((1.5 * height) / 24), width, 1).data;
      const blocks = Array.from({ length: 40 }, (_, block) => row[4 * Math.floor(((block + 0.5) * width) / 40)] > 126);
      if (!blocks[0] || blocks[1] || blocks[38] || !blocks[39]) return null;
      const number = (from, to) => blocks.slice(from, to).reduce((value, bit) => value * 2 + (bit ? 1 : 0), 0);
      const nibbles = Array.from({ length: 8 }, (_, at) => number(2 + 4 * at, 6 + 4 * at));
      if (nibbles.reduce((sum, nibble) => sum + nibble, 0) % 16 !== number(34, 38)) return null;
      const drawn = number(2, 34);
      return ((((Date.now() - drawn) % 2 ** 32) + 2 ** 32) % 2 ** 32) / 1000;
    };
    const begin = video.currentTime;
    const delays = [];
    let longest = 0;
    let at = begin;
    let since = performance.now();
    const limit = since + limit_s * 1000;
    return new Promise((done) => {
      const timer = setInterval(() => {
        const now = performance.now();
        if (video.currentTime !== at) {
          longest = Math.max(longest, now - since);
          at = video.currentTime;
          since = now;
        }
        delays.push(delayS());
        const enough = at > begin + seconds && delays.some((delay) => delay !== null && delay < near_s);
        if (enough || now > limit) {
          clearInterval(timer);
          done({ longest_standstill_s: longest / 1000, height: video.videoHeight, delays });
        }
      }, 100);
    });
  }, { seconds, near_s: argument.near_s ?? Number.POSITIVE_INFINITY, limit_s: seconds + 60 });
  const readable = measured.delays.filter((delay) => delay !== null);
  measured.readable = readable.length / measured.delays.length;
  delete measured.delays;
  measured.latency_least_s = percentile(readable, 0);
  measured.latency_p50_s = percentile(readable, 0.5);
  measured.latency_p95_s = percentile(readable, 0.95);
  if (argument.again) measured.first_frame_s = opened_s;
  if (!argument.shots) return measured;
  await page.mouse.move(600, 300);
  await page.mouse.move(620, 320);
  measured.badge = await page.locator('.live').innerText();
  await shot(page, 'demo');
  return measured;
});
