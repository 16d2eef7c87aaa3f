// Short drops of the publisher, watched at the same time by our page (hls.js) and by shaka-player.

import { writeFileSync } from 'node:fs';
import { argument, logIn, look, percentile, playing, samples, shot, stalls, untilNumber, withPage } from './chromium.mjs';
import { said, shakaPage } from './shaka.mjs';

const FPS = 30;

await withPage({}, async (page) => {
  await page.goto(`${argument.origin}/watch/${argument.session}`);
  await logIn(page);
  await playing(page);
  const shaka = await shakaPage(page.context(), argument.origin, argument.playlist);
  const players = { hls: page, shaka };
  for (const player of Object.values(players)) {
    await look(player);
    await untilNumber(player, { min: 0 });
  }

  const measured = { drops: [] };
  for (const { name, file, returns_at_number: returnsAt } of argument.drops) {
    // What is measured before a drop is measured in steady play; shaka buffers too little for that on a busy machine.
    await steady(page);
    if (argument.both) await untilNumber(shaka, { min: 0 });
    const before = {};
    for (const [player, its] of Object.entries(players)) {
      before[player] = { behind: await behind(its), stalls: (await stalls(its)).length };
    }
    writeFileSync(file, '');
    const drop = { name };
    const ours = playsOn('our page', page, returnsAt + 10 * FPS);
    const theirs = playsOn('shaka', shaka, returnsAt + 10 * FPS).catch((error) => {
      if (argument.both) throw error;
      // On a machine that is too slow for the rungs it was seen to stand still for good.
      drop.shaka_failed = `${error.message}, ${said.join()}`;
    });
    await Promise.all([ours, theirs]);
    for (const [player, its] of Object.entries(players)) {
      if (player === 'shaka' && drop.shaka_failed) continue;
      const late = (await stalls(its)).slice(before[player].stalls).map((stall) => stall.seconds);
      drop[player] = { longest_stall_s: Math.max(0, ...late), further_behind_s: (await behind(its)) - before[player].behind };
    }
    // Our page catches up by playing a little faster.
    await nearAgain(page, before.hls.behind);
    measured.drops.push(drop);
    await shot(page, `drop-${name}`);
  }
  return measured;
});

/** Waits until the player is no further behind than before, by up to half a second. */
async function nearAgain(page, before) {
  await page.waitForFunction(
    ({ before, slack }) => {
      const late = window.seen.samples.slice(-20).map((sample) => sample.wall / 1000 - sample.at);
      return late.sort((a, b) => a - b)[10] <= before + slack;
    },
    { before, slack: 0.5 },
    { timeout: 60_000 },
  );
}

/** Waits for a picture from well after the drop. */
async function playsOn(name, player, min) {
  try {
    await untilNumber(player, { min }, 45_000);
  } catch (error) {
    const looks = JSON.stringify((await samples(player)).slice(-5));
    throw new Error(`${name} does not come to picture ${min}: ${looks}, stalls ${JSON.stringify(await stalls(player))}`, { cause: error });
  }
}

/** Three seconds of play without a stall: the event to wait for is the picture itself. */
async function steady(page) {
  await page.waitForFunction(() => {
    const late = window.seen.samples.filter((sample) => sample.wall > Date.now() - 3_000);
    const numbers = late.every((sample) => sample.number !== null);
    return late.length > 15 && numbers && late.at(-1).at - late[0].at > 2.5;
  }, null, { timeout: 60_000 });
}

/** Seconds from media time to the clock, by the last looks: how far it is behind, but for a constant. */
async function behind(page) {
  const late = (await samples(page)).slice(-20);
  return percentile(late.map((sample) => sample.wall / 1000 - sample.at), 0.5);
}
