// Three tabs of one browser watch over plain HTTP/1.1, where all of them share six connections.

import { argument, logIn, look, playing, stalls, withPage } from './chromium.mjs';

const SECONDS = 10;

await withPage({}, async (first) => {
  const watch = `${argument.origin}/watch/${argument.session}`;
  await first.goto(watch);
  await first.locator('input[name=email]').waitFor();
  await logIn(first);
  await playing(first);

  const pages = [first];
  while (pages.length < 3) {
    const page = await first.context().newPage();
    await page.goto(watch);
    await playing(page);
    pages.push(page);
  }
  const asked = pages.map((page) => {
    const urls = [];
    page.on('request', (request) => urls.push(request.url()));
    return urls;
  });
  // They have told each other that they are there, and what was held before has come: all play on from here.
  for (const page of pages) await forward(page, 4);
  for (const urls of asked) urls.length = 0;
  for (const page of pages) await look(page);
  const from = await Promise.all(pages.map(position));
  await Promise.all(pages.map((page) => forward(page, SECONDS)));
  const api = await first.evaluate(async () => {
    const begin = performance.now();
    await (await fetch('/readyz')).text();
    return performance.now() - begin;
  });
  const tabs = [];
  for (const [index, page] of pages.entries()) {
    const stalled = (await stalls(page)).reduce((sum, { seconds }) => sum + seconds, 0);
    tabs.push({
      played_s: (await position(page)) - from[index],
      stalled_s: stalled,
      held: asked[index].filter((url) => url.includes('_HLS_msn=')).length,
      polled: asked[index].filter((url) => url.includes('.m3u8') && !url.includes('_HLS_msn=')).length,
    });
  }
  return { tabs, api_ms: api };
});

function position(page) {
  return page.evaluate(() => document.querySelector('video').currentTime);
}

async function forward(page, seconds) {
  const from = await position(page);
  await page.waitForFunction((until) => document.querySelector('video').currentTime >= until, from + seconds);
}
