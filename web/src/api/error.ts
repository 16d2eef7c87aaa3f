// What can go wrong when the server is asked, in words a person can act on.

import type { Failure } from './types';

/** Any answer that is not a success. `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Record<string, string[]> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }

  get isOffline(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export function offline(): ApiError {
  return new ApiError(0, 'OFFLINE', 'The server cannot be reached. Check your connection and try again.');
}

/** Reads an error answer; a body that is none of ours (a proxy's page) gets words by its status. */
export function errorOf(status: number, body: unknown): ApiError {
  const error = (body as Partial<Failure> | null)?.error;
  if (typeof error?.message === 'string' && typeof error.code === 'string') {
    return new ApiError(status, error.code, error.message, error.details ?? {});
  }
  return new ApiError(status, `HTTP_${status}`, wordsFor(status));
}

/** The words to show for whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof ApiError ? thrown.message : 'Something went wrong on this page. Reload it and try again.';
}

function wordsFor(status: number): string {
  if (status === 429) return 'Too many tries. Wait a minute and try again.';
  if (status >= 500) return 'The server has a problem just now. Try again in a moment.';
  return 'The server refused this request.';
}
