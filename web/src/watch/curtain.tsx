// What stands over the picture when it is not simply playing.

import type { ReactNode } from 'react';
import { Link } from 'react-router';
import type { Session } from '../api/types';
import type { LecturePlayer, Snapshot } from '../player/lecture-player';
import { useNow } from '../ui/hooks';
import { Play } from '../ui/icons';
import { countdown, dayAndTime } from '../ui/time';
import type { View } from './view';
import { wordsFor } from './words';

export function Curtain({
  view,
  session,
  player,
  snapshot,
}: {
  view: View;
  session: Session | null;
  player: LecturePlayer | null;
  snapshot: Snapshot;
}) {
  if (snapshot.blocked && player && (view.kind === 'playing' || view.kind === 'joining' || view.kind === 'reconnecting')) {
    return (
      <Card title="The lecture is on" text="Your browser waits for a click before it plays.">
        <button type="button" className="button button--main" onClick={() => player.unmute()}>
          <Play />
          Start watching
        </button>
      </Card>
    );
  }
  const words = wordsFor(view);
  if (words === null) return null;
  switch (view.kind) {
    case 'playing':
      return null;
    case 'loading':
    case 'joining':
    case 'unreachable':
      return <Card {...words} busy />;
    case 'reconnecting':
      // The last picture stays visible behind it.
      return <Card {...words} busy sheer={snapshot.started} />;
    case 'not-enrolled':
    case 'not-found':
    case 'cancelled':
      return (
        <Card {...words}>
          <Link className="button" to="/">
            My lectures
          </Link>
        </Card>
      );
    case 'waiting':
      return <WaitingCard view={view} words={words} title={session?.title ?? ''} />;
    case 'ended':
      return (
        <Card {...words}>
          <div className="row">
            {view.canReplay && player && (
              <button
                type="button"
                className="button button--main"
                onClick={() => {
                  player.seekToShare(0);
                  player.play();
                }}
              >
                <Play />
                Watch from the beginning
              </button>
            )}
            <Link className="button" to="/">
              My lectures
            </Link>
          </div>
        </Card>
      );
  }
}

function WaitingCard({
  view,
  words,
  title,
}: {
  view: Extract<View, { kind: 'waiting' }>;
  words: { title: string; text: string };
  title: string;
}) {
  const now = useNow(1_000);
  const left = view.startsAt === null ? null : countdown(view.startsAt, now);
  if (left === null || view.startsAt === null) return <Card {...words} busy />;
  return (
    <div className="curtain curtain--waiting">
      <p className="curtain__over">{title}</p>
      <h2 className="curtain__small">{words.title}</h2>
      <p className="curtain__count tabular" role="timer" aria-live="off">
        {left.figures}
      </p>
      <p className="curtain__when tabular">{dayAndTime(view.startsAt, now)}</p>
      <p>{words.text}</p>
    </div>
  );
}

function Card({
  title,
  text,
  busy = false,
  sheer = false,
  children,
}: {
  title: string;
  text: string;
  busy?: boolean;
  sheer?: boolean;
  children?: ReactNode;
}) {
  return (
    <div className={`curtain${sheer ? ' curtain--sheer' : ''}`}>
      {busy && <span className="spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children}
    </div>
  );
}
