// hls.js's loader with a token inside: every URL gets the current prefix, and a 403 renews the token and asks
// again before hls.js hears of it. (An unhandled 403 is fatal to hls.js for ever.)

import type { HlsConfig, Loader, LoaderCallbacks, LoaderConfiguration, LoaderContext } from 'hls.js';
import type { TokenSource } from './token-source';

export type LoaderConstructor = HlsConfig['loader'];

const FORBIDDEN = 403;

/** Makes the class that hls.js is given as `loader`. `Base` is hls.js's own. */
export function tokenLoader(Base: LoaderConstructor, tokens: TokenSource): LoaderConstructor {
  return class TokenLoader implements Loader<LoaderContext> {
    #inner: Loader<LoaderContext>;
    #dropped = false;

    constructor(private readonly config: HlsConfig) {
      this.#inner = new Base(config);
    }

    load(context: LoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>): void {
      const url = context.url;
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
                // A used loader cannot load twice.
                this.#inner.destroy();
                this.#inner = new Base(this.config);
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

    abort(): void {
      this.#dropped = true;
      this.#inner.abort();
    }

    destroy(): void {
      this.#dropped = true;
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
