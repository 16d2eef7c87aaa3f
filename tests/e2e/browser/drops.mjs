// Short drops of the publisher, watched at the same time by our page (hls.js) and by shaka-player.

import { writeFileSync } from 'node:fs';
import { argument, logIn, look, percentile, playing, samples, shot, stalls, untilNumber, withPage } from './chromium.mjs';
import { shakaPage } from './shaka.mjs';

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
    // What is measured before a drop is measured in steady play.
    await Promise.all(Object.values(players).map((player) => steady(player)));
    const before = { at: Date.now() };
    for (const [player, its] of Object.entries(players)) {
      before[player] = { behind: await behind(its), stalls: (await stalls(its)).length };
    }
    writeFileSync(file, '');
    await Promise.all(Object.values(players).map((player) => untilNumber(player, { min: returnsAt }, 60_000)));
    await Promise.all(Object.values(players).map((player) => untilNumber(player, { min: returnsAt + 10 * FPS }, 60_000)));
    const drop = { name };
    for (const [player, its] of Object.entries(players)) {
      const late = (await stalls(its)).slice(before[player].stalls).map((stall) => stall.seconds);
      drop[player] = { longest_stall_s: Math.max(0, ...late), further_behind_s: (await behind(its)) - before[player].behind };
    }
    // Our page catches up by playing a little faster.
    await nearAgain(page, before.hls.behind);
    drop.longest_pause_of_the_machine_s = await longestPause(page, before.at);
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

/** The longest time that a page which should have looked ten times a second did not come to it. */
async function longestPause(page, since) {
  const walls = (await samples(page)).map((sample) => sample.wall).filter((wall) => wall > since);
  return Math.max(0, ...walls.slice(1).map((wall, at) => wall - walls[at])) / 1000;
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
