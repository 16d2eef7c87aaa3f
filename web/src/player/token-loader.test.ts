import type { LoaderCallbacks, LoaderConfiguration, LoaderContext } from 'hls.js';
import { expect, test, vi } from 'vitest';
import { type LoaderConstructor, tokenLoader } from './token-loader';
import { TokenSource } from './token-source';

test('a 403 is renewed inside: the player sees the answer alone', async () => {
  const { loader, asked, callbacks } = bench({ answers: [403, 200] });
  loader.load(context('/p/old/s/1'), {} as LoaderConfiguration, callbacks);
  await vi.waitFor(() => expect(callbacks.onSuccess).toHaveBeenCalledOnce());
  expect(asked).toEqual(['/p/old/s/1', '/p/fresh/s/1']);
  expect(callbacks.onError).not.toHaveBeenCalled();
});

test('a second 403 is told', async () => {
  const { loader, asked, callbacks } = bench({ answers: [403, 403] });
  loader.load(context('/p/old/s/1'), {} as LoaderConfiguration, callbacks);
  await vi.waitFor(() => expect(callbacks.onError).toHaveBeenCalledOnce());
  expect(asked).toHaveLength(2);
});

test('another error is told at once', () => {
  const { loader, asked, callbacks } = bench({ answers: [404] });
  loader.load(context('/p/old/s/1'), {} as LoaderConfiguration, callbacks);
  expect(callbacks.onError).toHaveBeenCalledOnce();
  expect(asked).toHaveLength(1);
});

test('a renewal that fails is told as the 403 it came from', async () => {
  const { loader, callbacks } = bench({ answers: [403], renewal: () => Promise.reject(new Error('offline')) });
  loader.load(context('/p/old/s/1'), {} as LoaderConfiguration, callbacks);
  await vi.waitFor(() => expect(callbacks.onError).toHaveBeenCalledOnce());
});

test('a request that was dropped meanwhile is not asked again', async () => {
  const { loader, asked, callbacks, renewed } = bench({ answers: [403, 200] });
  loader.load(context('/p/old/s/1'), {} as LoaderConfiguration, callbacks);
  loader.abort();
  await renewed();
  expect(asked).toHaveLength(1);
  expect(callbacks.onSuccess).not.toHaveBeenCalled();
});

test('where connections are few a held reload is polled until the playlist has what it waited for', async () => {
  vi.useFakeTimers();
  const playlists = [2, 2, 3].map((parts) => `#EXT-X-MEDIA-SEQUENCE:7\n${'#EXT-X-PART:\n'.repeat(parts)}`);
  const { loader, asked, callbacks } = bench({ answers: [200, 200, 200], playlists: [...playlists], mayHold: false });
  loader.load(context('/p/old/s/1?_HLS_msn=7&_HLS_part=2&_HLS_skip=YES'), {} as LoaderConfiguration, callbacks);
  await vi.advanceTimersByTimeAsync(499);
  expect(callbacks.onSuccess).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(callbacks.onSuccess).toHaveBeenCalledOnce();
  expect(asked).toEqual(Array(3).fill('/p/old/s/1?_HLS_skip=YES'));
  vi.useRealTimers();
});

test('after three seconds of polling the playlist is told as it is', async () => {
  vi.useFakeTimers();
  const { loader, asked, callbacks } = bench({ answers: [], playlists: [], mayHold: false });
  loader.load(context('/p/old/s/1?_HLS_msn=7&_HLS_part=2'), {} as LoaderConfiguration, callbacks);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(callbacks.onSuccess).toHaveBeenCalledOnce();
  expect(asked).toHaveLength(12);
  vi.useRealTimers();
});

test('polling ends when it is dropped', async () => {
  vi.useFakeTimers();
  const { loader, asked, callbacks } = bench({ answers: [], playlists: [], mayHold: false });
  loader.load(context('/p/old/s/1?_HLS_msn=7'), {} as LoaderConfiguration, callbacks);
  loader.abort();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toHaveLength(1);
  expect(callbacks.onSuccess).not.toHaveBeenCalled();
  vi.useRealTimers();
});

interface Script {
  answers: number[];
  playlists?: string[];
  renewal?: () => Promise<never>;
  mayHold?: boolean;
}

function bench({ answers, playlists = [], renewal, mayHold = true }: Script) {
  const asked: string[] = [];
  class Base {
    stats = {};
    context = null;
    load(context: LoaderContext, _: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>) {
      asked.push(context.url);
      const status = answers.shift() ?? 200;
      if (status === 200) callbacks.onSuccess({ data: playlists.shift() ?? '' } as never, {} as never, context, null);
      else callbacks.onError({ code: status, text: '' }, context, null, {} as never);
    }
    abort() {}
    destroy() {}
  }
  const grant = async () => ({ hlsUrl: '/p/fresh/s/1', audioUrl: null, dvr: false, expiresAt: 0 });
  const tokens = new TokenSource(renewal ?? grant, () => 0);
  const Loader = tokenLoader(Base as unknown as LoaderConstructor, tokens, { mayHold: () => mayHold });
  const callbacks = { onSuccess: vi.fn(), onError: vi.fn(), onTimeout: vi.fn() };
  return { loader: new Loader({} as never), asked, callbacks, renewed: () => tokens.renew() };
}

function context(url: string): LoaderContext {
  return { url, responseType: 'text' } as LoaderContext;
}
