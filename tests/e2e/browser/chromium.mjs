// A browser, a log-in, and what a person would see: the number in the picture, stalls, the page's errors.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const WAIT_MS = 30_000;

export const argument = JSON.parse(process.argv[2]);

const errors = [];

/** Notes in `list` what the page's console says. */
export function noteErrors(page, list) {
  page.on('pageerror', (error) => list.push(String(error)));
  page.on('console', (message) => {
    // Refused and failed requests are part of some scenes; what the page makes of them is looked at.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) list.push(message.text());
  });
}

/** Notes in `list` what the browser's media pipeline finds wrong. */
export async function noteMediaErrors(page, list) {
  const session = await page.context().newCDPSession(page);
  session.on('Media.playerMessagesLogged', ({ messages }) => {
    list.push(...messages.filter(({ level }) => level === 'error').map(({ message }) => message));
  });
  await session.send('Media.enable');
}

/** Runs `use` with a page, ends the browser whatever happens, and prints what `use` measured as the last line. */
export async function withPage(options, use) {
  const executablePath = BROWSERS.find((path) => existsSync(path));
  if (!executablePath) throw new Error(`no browser: ${BROWSERS.join(', ')}`);
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    noteErrors(page, errors);
    try {
      const measured = await use(page);
      console.log(JSON.stringify({ ...measured, errors }));
    } catch (error) {
      await shot(page, 'failed');
      console.log(JSON.stringify({ errors, url: page.url(), text: (await page.innerText('body')).slice(0, 2000) }));
      throw error;
    }
  } finally {
    await browser.close();
  }
}

export async function logIn(page) {
  await page.locator('input[name=email]').fill(argument.email);
  await page.locator('input[name=password]').fill(argument.password);
  await page.locator('button[type=submit]').click();
}

export async function shot(page, name, options = {}) {
  mkdirSync(argument.shots, { recursive: true });
  await page.screenshot({ path: join(argument.shots, `${name}.png`), ...options });
}

/** Waits until the video plays on by itself. */
export async function playing(page) {
  await page.waitForFunction(() => {
    const video = document.querySelector('video');
    return video && !video.paused && video.readyState >= 3 && video.currentTime > 0;
  });
}

/** Begins to look at the video: numbers in its picture and stalls, by ten looks a second. */
export async function look(page) {
  await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const video = () => document.querySelector('video');
    // 20 cells in the top ninth: white, black, 16 bits, parity, its opposite.
    const number = () => {
      const { videoWidth: width, videoHeight: height } = video() ?? {};
      if (!width) return null;
      canvas.width = width;
      canvas.height = height;
      context.drawImage(video(), 0, 0);
      const row = context.getImageData(0, Math.floor(height / 18), width, 1).data;
      const cells = Array.from({ length: 20 }, (_, cell) => row[4 * Math.floor(((cell + 0.5) * width) / 20)] > 126);
      const bits = cells.slice(2, 18);
      const isOdd = bits.filter(Boolean).length % 2 === 1;
      if (!cells[0] || cells[1] || cells[18] !== isOdd || cells[19] === isOdd) return null;
      return bits.reduce((value, bit) => value * 2 + (bit ? 1 : 0), 0);
    };
    const seen = { number, samples: [], stalls: [] };
    let at = 0;
    let since = performance.now();
    setInterval(() => {
      const element = video();
      const now = performance.now();
      if (!element) return;
      if (element.currentTime !== at || element.paused || element.seeking) {
        if (now - since > 350 && !element.paused) seen.stalls.push({ at, seconds: (now - since) / 1000 });
        at = element.currentTime;
        since = now;
      }
      seen.samples.push({ wall: Date.now(), number: number(), at: element.currentTime });
    }, 100);
    window.seen = seen;
  });
}

export const pictureNumber = (page) => page.evaluate(() => window.seen.number());
export const stalls = (page) => page.evaluate(() => window.seen.stalls);
export const samples = (page) => page.evaluate(() => window.seen.samples);

/** Waits until the number in the picture does as asked. */
export async function untilNumber(page, wanted, timeout = WAIT_MS) {
  await page.waitForFunction(
    ({ min, max }) => {
      const number = window.seen.number();
      return number !== null && number >= min && number <= max;
    },
    { min: 0, max: 65_535, ...wanted },
    { polling: 50, timeout },
  );
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
