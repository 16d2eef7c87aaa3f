// Joins what the watch page knows (account, session, live status) to the player, and derives its view.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { ApiError } from '../api/error';
import type { LiveStatus, Playback, Session } from '../api/types';
import { type Account, api } from '../auth/account';
import { grantOf } from '../player/grant';
import { engineHere, INITIAL, LecturePlayer, type Snapshot } from '../player/lecture-player';
import { useNow, useOnline } from '../ui/hooks';
import { type Known, nextAskMs, type View, viewOf } from './view';

const ASK_FOR_GRANT_EVERY_MS = 2_000;
const STATUS_EVERY_MS = 5_000;
const STATUS_WHILE_STALLED_MS = 1_500;

export interface Watch {
  view: View;
  session: Session | null;
  status: LiveStatus | null;
  player: LecturePlayer | null;
  snapshot: Snapshot;
}

export function useWatch(id: string, account: Account, video: HTMLVideoElement | null): Watch {
  const queries = useQueryClient();
  const isSignedIn = account.kind === 'signed-in';
  const viewNow = useRef<View>({ kind: 'loading' });
  const query = useQuery({
    queryKey: ['session', id],
    queryFn: () => api<Session>(`/sessions/${encodeURIComponent(id)}`),
    enabled: isSignedIn,
    retry: false,
    refetchInterval: () => nextAskMs(viewNow.current, Date.now()) ?? false,
    refetchIntervalInBackground: true,
  });
  const known = knownOf(account, query.data, query.error);
  const session = known.kind === 'session' ? known.session : null;
  const mayWatch = session !== null && (session.can_watch || session.is_owner);
  const isOnAir = session?.status === 'live' || session?.status === 'interrupted';

  const refresh = useCallback(() => void queries.invalidateQueries({ queryKey: ['session', id] }), [queries, id]);
  const player = usePlayer(id, video, mayWatch, isOnAir, refresh);
  const snapshot = useSyncExternalStore(player?.subscribe ?? never, player?.snapshot ?? initial);

  const status = useQuery({
    queryKey: ['live-status', session?.course.id],
    queryFn: () => api<LiveStatus>(`/courses/${session?.course.id}/live-status`),
    enabled: mayWatch && isOnAir,
    retry: false,
    refetchInterval: snapshot.stalled ? STATUS_WHILE_STALLED_MS : STATUS_EVERY_MS,
    refetchIntervalInBackground: true,
  });

  const online = useOnline();
  const now = useNow(session?.status === 'scheduled' ? 1_000 : null);
  const publishing = isOnAir ? (status.data?.publishing ?? null) : null;
  const view = viewOf({
    known,
    hasSource: snapshot.started,
    playedOut: snapshot.playedOut,
    stalled: snapshot.stalled,
    publishing,
    online,
    now,
  });
  viewNow.current = view;
  useEffect(() => {
    player?.excuse(publishing === false || session?.status === 'interrupted' || session?.status === 'ended');
  }, [player, publishing, session?.status]);
  const isLost = status.isError;
  useEffect(() => {
    if (!isLost) player?.retryNow();
  }, [player, isLost]);
  useHook(player, video, viewNow);
  return { view, session, status: status.data ?? null, player, snapshot };
}

/** One player from going on air until the page is left; an ended lecture is watched to its end. */
function usePlayer(
  id: string,
  video: HTMLVideoElement | null,
  mayWatch: boolean,
  isOnAir: boolean,
  onRefused: () => void,
): LecturePlayer | null {
  const [player, setPlayer] = useState<LecturePlayer | null>(null);
  const [wasOnAir, setWasOnAir] = useState(false);
  useEffect(() => {
    if (isOnAir) setWasOnAir(true);
  }, [isOnAir]);
  const isWanted = mayWatch && wasOnAir && video !== null;

  useEffect(() => {
    if (!isWanted || video === null) return;
    const engine = engineHere(video);
    const askGrant = async () => {
      try {
        const path = `/sessions/${encodeURIComponent(id)}/playback`;
        const client = engine === 'native' ? 'native' : 'web';
        return grantOf(await api<Playback>(path, { method: 'POST', body: { client } }));
      } catch (thrown) {
        if (thrown instanceof ApiError && !thrown.isOffline) onRefused();
        throw thrown;
      }
    };
    const made = new LecturePlayer(video, askGrant, engine);
    setPlayer(made);
    let timer = 0;
    let isLeft = false;
    const begin = () => {
      askGrant().then(
        (grant) => {
          if (!isLeft) made.start(grant);
        },
        () => {
          if (!isLeft) timer = window.setTimeout(begin, ASK_FOR_GRANT_EVERY_MS);
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
  }, [id, video, isWanted, onRefused]);
  return player;
}

/** `window.lectern`: for tests and for support, on the watch page alone. */
export interface LecternHook {
  readonly hls: LecturePlayer['hls'];
  readonly video: HTMLVideoElement | null;
  /** The view's kind: `waiting`, `playing`, `reconnecting`, `ended` … */
  readonly state: View['kind'];
  readonly snapshot: Snapshot | null;
  /** Seconds behind the newest announced media. */
  latency(): number;
}

declare global {
  interface Window {
    lectern?: LecternHook;
  }
}

function useHook(player: LecturePlayer | null, video: HTMLVideoElement | null, view: { readonly current: View }): void {
  useEffect(() => {
    window.lectern = {
      get hls() {
        return player?.hls ?? null;
      },
      get state() {
        return view.current.kind;
      },
      get snapshot() {
        return player?.snapshot() ?? null;
      },
      video,
      latency: () => player?.latency() ?? Number.NaN,
    };
    return () => {
      delete window.lectern;
    };
  }, [player, video, view]);
}

function knownOf(account: Account, session: Session | undefined, error: Error | null): Known {
  if (account.kind === 'unknown' || account.kind === 'signed-out') return { kind: 'loading' };
  const status = error instanceof ApiError ? error.status : null;
  if (status === 403) return { kind: 'forbidden' };
  if (status === 404 || status === 400 || status === 422) return { kind: 'not-found' };
  // A missed answer does not take away what is known.
  if (session) return { kind: 'session', session };
  return error !== null || account.kind === 'unreachable' ? { kind: 'unreachable' } : { kind: 'loading' };
}

const never = () => () => {};
const initial = () => INITIAL;
