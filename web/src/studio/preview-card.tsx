// The teacher's own picture: the private preview before, the lecture itself once it is live. Silent at first, so that
// it does not come back through the microphone.

import { useEffect, useState, useSyncExternalStore } from 'react';
import type { LiveStatus, Playback } from '../api/types';
import { api } from '../auth/account';
import { grantOf } from '../player/grant';
import { engineHere, INITIAL, LecturePlayer } from '../player/lecture-player';
import type { Grant } from '../player/token-source';
import { Sound, SoundOff } from '../ui/icons';
import { timelineOf } from './timeline';

const ASK_AGAIN_MS = 2_000;

export function PreviewCard({ course, status }: { course: string; status: LiveStatus | null }) {
  const timeline = status === null ? null : timelineOf(status);
  return (
    <section className="card preview" aria-label={status?.state === 'live' ? 'What students see' : 'Private preview'}>
      {timeline === null ? (
        <div className="preview__screen preview__empty">
          <p>{status?.publishing ? 'Your picture arrives in a few seconds…' : 'No signal from OBS'}</p>
        </div>
      ) : (
        <Screen key={timeline} course={course} />
      )}
    </section>
  );
}

function Screen({ course }: { course: string }) {
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const [player, setPlayer] = useState<LecturePlayer | null>(null);
  const [muted, setMuted] = useState(true);
  useEffect(() => {
    if (video === null) return;
    const made = new LecturePlayer(video, () => previewGrant(course), engineHere(video));
    setPlayer(made);
    let timer = 0;
    let isLeft = false;
    const begin = () => {
      previewGrant(course).then(
        (grant) => {
          if (!isLeft) made.start(grant);
        },
        () => {
          if (!isLeft) timer = window.setTimeout(begin, ASK_AGAIN_MS);
        },
      );
    };
    begin();
    return () => {
      isLeft = true;
      clearTimeout(timer);
      made.destroy();
      setPlayer(null);
    };
  }, [course, video]);
  const snapshot = useSyncExternalStore(player?.subscribe ?? never, player?.snapshot ?? initial);
  return (
    <div className="preview__screen">
      <video ref={setVideo} muted={muted} playsInline aria-label="Your own picture" />
      {!snapshot.started && (
        <div className="preview__empty preview__over">
          <p>Loading the preview…</p>
        </div>
      )}
      {snapshot.started && snapshot.stalled && (
        <div className="preview__empty preview__over">
          <p>Waiting for the picture…</p>
        </div>
      )}
      {snapshot.started && (
        <div className="preview__bar">
          <button type="button" className="control" aria-pressed={!muted} aria-label="Sound of the preview" onClick={() => setMuted(!muted)}>
            {muted ? <SoundOff /> : <Sound />}
          </button>
          <span className="small tabular">{Math.round(snapshot.behindS)} s behind the camera</span>
        </div>
      )}
    </div>
  );
}

/** The preview's own timeline before going live, the session's afterwards. */
async function previewGrant(course: string): Promise<Grant> {
  const status = await api<LiveStatus>(`/courses/${encodeURIComponent(course)}/live-status`);
  if (status.preview) {
    const { hls_url, expires_at } = status.preview;
    return { hlsUrl: hls_url, audioUrl: null, dvr: false, expiresAt: Date.parse(expires_at) };
  }
  if (!status.session) throw new Error('there is nothing to preview');
  const path = `/sessions/${encodeURIComponent(status.session.id)}/playback`;
  return { ...grantOf(await api<Playback>(path, { method: 'POST', body: { client: 'web' } })), dvr: false };
}

const never = () => () => {};
const initial = () => INITIAL;
