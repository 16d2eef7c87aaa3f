// Asks the control API: envelope opened, access token added, renewed once when it has ended.

import { ApiError, errorOf, offline } from './error';
import type { Success } from './types';

const BASE = '/api/v1';
const TIMEOUT_MS = 15_000;

/** Who holds the access token, in memory alone. */
export interface Bearer {
  token(): string | null;
  /** A new token, or null when the person is signed out. */
  refresh(): Promise<string | null>;
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
}

export type Api = <T>(path: string, ask?: Ask) => Promise<T>;

/** The client of somebody who may be signed in. */
export function apiFor(bearer: Bearer, fetcher: typeof fetch = (...args) => fetch(...args)): Api {
  return async <T>(path: string, ask: Ask = {}) => {
    const first = bearer.token();
    const answer = await send(fetcher, path, ask, first);
    if (answer.status !== 401) return open<T>(answer);
    // Another request may have renewed it while this one was under way.
    const current = bearer.token();
    const renewed = current !== null && current !== first ? current : await bearer.refresh();
    return open<T>(renewed === null ? answer : await send(fetcher, path, ask, renewed));
  };
}

/** Asks without an access token: log in, refresh, first set-up. */
export async function askOpenly<T>(path: string, ask: Ask = {}, fetcher: typeof fetch = fetch): Promise<T> {
  return open<T>(await send(fetcher, path, ask, null));
}

async function send(fetcher: typeof fetch, path: string, ask: Ask, token: string | null): Promise<Response> {
  const headers = new Headers({ accept: 'application/json' });
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  if (ask.body !== undefined) headers.set('content-type', 'application/json');
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetcher(BASE + path, {
      method: ask.method ?? 'GET',
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: ask.signal ? AbortSignal.any([ask.signal, timeout]) : timeout,
    });
  } catch (thrown) {
    if (ask.signal?.aborted) throw thrown;
    throw offline();
  }
}

async function open<T>(answer: Response): Promise<T> {
  if (answer.status === 204) return undefined as T;
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw errorOf(answer.status, body);
  const envelope = body as Success<T> | null;
  if (envelope?.success !== true) throw new ApiError(answer.status, 'BAD_ANSWER', 'The server gave an answer this page cannot read.');
  return envelope.data;
}
