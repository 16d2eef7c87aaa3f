// Which timeline the preview shows, as a name that changes when another player is needed.

import type { LiveStatus } from '../api/types';

/** Null: there is nothing to see yet. The token in a URL changes often and is no part of the name. */
export function timelineOf(status: LiveStatus): string | null {
  if (status.preview) return /\/s\/[^/]+\/[^/]+\//.exec(status.preview.hls_url)?.[0] ?? status.preview.hls_url;
  const isOnAir = status.state === 'live' || status.state === 'interrupted';
  return isOnAir && status.playable && status.session ? status.session.id : null;
}
