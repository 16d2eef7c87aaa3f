import { expect, test } from 'vitest';
import { type Grant, renewalWaitMs, TokenSource, tokenOf, withToken } from './token-source';

test('the token of a playback URL is the segment after /p/', () => {
  expect(tokenOf('/p/k1.abc.def/s/1/2/dvr/index.m3u8')).toBe('k1.abc.def');
  expect(tokenOf('/api/v1/sessions')).toBeNull();
});

test('a swap changes the token alone, also in absolute URLs and with a query', () => {
  const url = 'https://l.example/p/old/s/1/2/720p/index.m3u8?_HLS_msn=7&_HLS_part=3';
  expect(withToken(url, 'new')).toBe('https://l.example/p/new/s/1/2/720p/index.m3u8?_HLS_msn=7&_HLS_part=3');
});

test('a token with replacement patterns in it is taken literally', () => {
  expect(withToken('/p/old/s/1', '$&$1')).toBe('/p/$&$1/s/1');
});

test('without a token a URL stays as it is', () => {
  expect(withToken('/p/old/s/1', null)).toBe('/p/old/s/1');
});

test('an hour is renewed after 48 minutes', () => {
  expect(renewalWaitMs(0, 3_600_000)).toBe(2_880_000);
});

test('an expired or tiny life does not make a busy loop', () => {
  expect(renewalWaitMs(10_000, 0)).toBe(5_000);
});

test('requests that meet the same 403 share one renewal', async () => {
  const asked: Array<(grant: Grant) => void> = [];
  const source = new TokenSource(() => new Promise((resolve) => asked.push(resolve)), () => 0);
  const both = Promise.all([source.renew(), source.renew()]);
  expect(asked).toHaveLength(1);
  asked[0]?.(grant('fresh'));
  await both;
  expect(source.url('/p/old/s/1')).toBe('/p/fresh/s/1');
});

test('a 403 that comes just after a renewal uses its token', async () => {
  let now = 0;
  let asked = 0;
  const source = new TokenSource(async () => grant(`t${++asked}`), () => now);
  await source.renew();
  now = 900;
  await source.renew();
  expect(asked).toBe(1);
  now = 1_100;
  await source.renew();
  expect(asked).toBe(2);
});

test('after a renewal that failed the next one asks again', async () => {
  let asked = 0;
  const source = new TokenSource(async () => {
    asked += 1;
    if (asked === 1) throw new Error('offline');
    return grant('fresh');
  }, () => 0);
  await expect(source.renew()).rejects.toThrow('offline');
  await source.renew();
  expect(source.url('/p/old/s/1')).toBe('/p/fresh/s/1');
});

function grant(token: string): Grant {
  return { hlsUrl: `/p/${token}/s/1/2/index.m3u8`, audioUrl: null, dvr: false, expiresAt: 0 };
}
