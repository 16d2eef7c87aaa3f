// The server is killed and comes back: our page (hls.js) and shaka-player play on, without a reload of the page.

import { writeFileSync } from 'node:fs';
import { argument, logIn, look, playing, shot, stalls, untilNumber, withPage } from './chromium.mjs';
import { said, shakaPage } from './shaka.mjs';

await withPage({}, async (page) => {
  await page.goto(`${argument.origin}/watch/${argument.session}`);
  await logIn(page);
  await playing(page);
  const players = { hls: page, shaka: await shakaPage(page.context(), argument.origin, argument.playlist) };
  const measured = {};
  for (const [name, player] of Object.entries(players)) {
    await look(player);
    await untilNumber(player, { min: 0 });
    measured[name] = { killed_at_s: await player.evaluate(() => document.querySelector('video').currentTime) };
  }
  writeFileSync(argument.kill, '');
  const playsOn = async ([name, player]) => {
    // Well beyond whatever was buffered or listed before; `window.seen` would be gone with a reload.
    await player.waitForFunction(
      (at) => {
        const late = window.seen.samples.slice(-10);
        return late.length === 10 && late[0].at > at && late.every((sample) => sample.number !== null);
      },
      measured[name].killed_at_s + 15,
      { timeout: 80_000 },
    );
    measured[name].longest_stall_s = Math.max(0, ...(await stalls(player)).map((stall) => stall.seconds));
  };
  const [ours, theirs] = Object.entries(players).map(playsOn);
  // On a machine that is too slow for the rungs shaka was seen to stand still for good.
  const tolerated = theirs.catch(({ message }) => (measured.shaka.failed = `${message}, ${said.join()}`));
  await Promise.all([ours, tolerated]);
  await shot(page, 'restart');
  return measured;
});
