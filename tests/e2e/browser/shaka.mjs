// Another player than ours, on a page of its own.

import { noteErrors, noteMediaErrors, playing } from './chromium.mjs';

const SHAKA = 'node_modules/shaka-player/dist/shaka-player.compiled.js';

/** What it says of errors, those that it recovers from as well. */
export const said = [];

/** A page that plays `playlist` in shaka-player, in its low-latency mode. */
export async function shakaPage(context, origin, playlist) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  noteErrors(page, said);
  await noteMediaErrors(page, said);
  const html = '<!doctype html><title>shaka</title><video muted autoplay playsinline width="1280" height="720"></video>';
  const address = `${origin}/shaka-test`;
  // Served from the playlists' own origin, so that no other rules apply than to our page.
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await page.goto(address);
  await page.addScriptTag({ path: SHAKA });
  await page.evaluate(async (playlist) => {
    window.shaka.polyfill.installAll();
    const player = new window.shaka.Player();
    await player.attach(document.querySelector('video'));
    player.configure({ streaming: { lowLatencyMode: true } });
    player.addEventListener('error', ({ detail }) => {
      console.error(`shaka: severity ${detail.severity}, ${detail.code} ${JSON.stringify(detail.data)}`);
    });
    await player.load(playlist);
    await document.querySelector('video').play();
  }, playlist);
  await playing(page);
  return page;
}
