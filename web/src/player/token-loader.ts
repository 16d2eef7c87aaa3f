// hls.js's loader with a token inside: every URL gets the current prefix, and a 403 renews the token and asks
// again before hls.js hears of it. (An unhandled 403 is fatal to hls.js for ever.) And where connections are few, a
// reload that the server would hold is polled instead.

import type { HlsConfig, Loader, LoaderCallbacks, LoaderConfiguration, LoaderContext } from 'hls.js';
import type { HoldPolicy } from './held-reloads';
import { awaitedBy, has, POLL_MS, POLLS_MAX, withoutWaiting } from './polled-reload';
import type { TokenSource } from './token-source';

export type LoaderConstructor = HlsConfig['loader'];

const FORBIDDEN = 403;

/** Makes the class that hls.js is given as `loader`. `Base` is hls.js's own. */
export function tokenLoader(Base: LoaderConstructor, tokens: TokenSource, holds: HoldPolicy): LoaderConstructor {
  return class TokenLoader implements Loader<LoaderContext> {
    #inner: Loader<LoaderContext>;
    #dropped = false;
    #timer: ReturnType<typeof setTimeout> | undefined;

    constructor(private readonly config: HlsConfig) {
      this.#inner = new Base(config);
    }

    load(context: LoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>): void {
      const url = context.url;
      const awaited = awaitedBy(url);
      if (awaited === null || holds.mayHold(url)) return this.#ask(url, context, config, callbacks);
      let polls = 0;
      const poll = () => {
        polls += 1;
        this.#ask(withoutWaiting(url), context, config, {
          ...callbacks,
          onSuccess: (response, stats, loaded, details) => {
            const isThere = typeof response.data !== 'string' || has(response.data, awaited);
            if (isThere || polls >= POLLS_MAX) return callbacks.onSuccess(response, stats, loaded, details);
            this.#timer = setTimeout(() => {
              this.#renew();
              poll();
            }, POLL_MS);
          },
        });
      };
      poll();
    }

    #ask(
      url: string,
      context: LoaderContext,
      config: LoaderConfiguration,
      callbacks: LoaderCallbacks<LoaderContext>,
    ): void {
      const attempt = (isSecond: boolean) => {
        context.url = tokens.url(url);
        this.#inner.load(context, config, {
          ...callbacks,
          onError: (error, failed, details, stats) => {
            const report = () => callbacks.onError(error, failed, details, stats);
            if (error.code !== FORBIDDEN || isSecond) return report();
            tokens.renew().then(
              () => {
                if (this.#dropped) return;
                this.#renew();
                attempt(true);
              },
              () => {
                if (!this.#dropped) report();
              },
            );
          },
        });
      };
      attempt(false);
    }

    /** A used loader cannot load twice. */
    #renew(): void {
      this.#inner.destroy();
      this.#inner = new Base(this.config);
    }

    abort(): void {
      this.#dropped = true;
      clearTimeout(this.#timer);
      this.#inner.abort();
    }

    destroy(): void {
      this.#dropped = true;
      clearTimeout(this.#timer);
      this.#inner.destroy();
    }

    get context(): LoaderContext | null {
      return this.#inner.context;
    }

    get stats() {
      return this.#inner.stats;
    }

    getCacheAge(): number | null {
      return this.#inner.getCacheAge?.() ?? null;
    }

    getResponseHeader(name: string): string | null {
      return this.#inner.getResponseHeader?.(name) ?? null;
    }
  } as unknown as LoaderConstructor;
}
