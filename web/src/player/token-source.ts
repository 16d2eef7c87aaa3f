// A viewer's playback token: where it stands in a URL, when it is renewed, and that it is asked for once at a time.
// Knows nothing of hls.js.

/** What `POST /sessions/{id}/playback` grants. */
export interface Grant {
  hlsUrl: string;
  audioUrl: string | null;
  dvr: boolean;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

const PREFIX = /\/p\/([^/]+)\//;

/** The token of `/p/{token}/s/…`; none in any other URL. */
export function tokenOf(url: string): string | null {
  return PREFIX.exec(url)?.[1] ?? null;
}

/** The same URL under another token. URLs without a token stay as they are. */
export function withToken(url: string, token: string | null): string {
  return token === null ? url : url.replace(PREFIX, () => `/p/${token}/`);
}

/** Renewal is due at this share of the token's life. */
const RENEW_AT_SHARE = 0.8;
/** A clock that is wrong, or a very short life, must not make us ask without pause. */
const RENEW_WAIT_MIN_MS = 5_000;
/** setTimeout counts in 31 bits. */
const RENEW_WAIT_MAX_MS = 24 * 3_600_000;
/** Many requests meet the same 403: whoever comes this soon after a renewal uses its result. */
const RENEWED_JUST_NOW_MS = 1_000;

/** How long to wait before the token is renewed silently. */
export function renewalWaitMs(grantedAt: number, expiresAt: number): number {
  const wait = (expiresAt - grantedAt) * RENEW_AT_SHARE;
  return Math.min(Math.max(wait, RENEW_WAIT_MIN_MS), RENEW_WAIT_MAX_MS);
}

/** Holds the current token and renews it. One request at a time, whoever asks. */
export class TokenSource {
  #token: string | null = null;
  #pending: Promise<void> | null = null;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly grant: () => Promise<Grant>,
    private readonly now: () => number,
  ) {}

  adopt(grant: Grant): void {
    this.#token = tokenOf(grant.hlsUrl);
  }

  url(url: string): string {
    return withToken(url, this.#token);
  }

  renew(): Promise<void> {
    if (this.#pending) return this.#pending;
    if (this.now() - this.#renewedAt < RENEWED_JUST_NOW_MS) return Promise.resolve();
    this.#pending = this.grant()
      .then((grant) => {
        this.adopt(grant);
        this.#renewedAt = this.now();
      })
      .finally(() => {
        this.#pending = null;
      });
    return this.#pending;
  }
}
