// The playback grant as the API gives it, in the player's own terms.

import type { Playback } from '../api/types';
import type { Grant } from './token-source';

export function grantOf(playback: Playback): Grant {
  return {
    hlsUrl: playback.hls_url,
    audioUrl: playback.audio_url ?? null,
    dvr: playback.dvr,
    expiresAt: Date.parse(playback.expires_at),
  };
}
