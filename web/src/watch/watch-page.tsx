// The lecture: the stage with its curtain, and what it is about.

import './watch.css';
import { useState } from 'react';
import { Navigate, useLocation, useParams } from 'react-router';
import { logInPath } from '../auth/next';
import { useAccount } from '../auth/use-account';
import { teacherName } from '../home/order';
import { Keyboard, Person } from '../ui/icons';
import { Shell } from '../ui/shell';
import { dayAndTime } from '../ui/time';
import { Curtain } from './curtain';
import { KeyHelp } from './key-help';
import { Stage } from './stage';
import { useKeys } from './use-keys';
import { useWatch, type Watch } from './use-watch';
import { announcement } from './words';

export function WatchPage() {
  const { session = '' } = useParams();
  return <WatchSession key={session} id={session} />;
}

function WatchSession({ id }: { id: string }) {
  const account = useAccount();
  const { pathname } = useLocation();
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const [helps, setHelps] = useState(false);
  const watch = useWatch(id, account, video);
  const { view, session, player, snapshot } = watch;
  useKeys(player, () => setHelps(true));

  if (account.kind === 'signed-out') return <Navigate to={logInPath(pathname)} replace />;
  return (
    <Shell title={session?.title ?? 'Lecture'} wide>
      <p className="visually-hidden" role="status" aria-live="polite">
        {announcement(view)}
      </p>
      <div className="theatre">
        <Stage
          player={player}
          snapshot={snapshot}
          title={session?.title ?? 'Lecture'}
          videoRef={setVideo}
          isOpen={snapshot.started}
          onHelp={() => setHelps(true)}
        >
          <Curtain view={view} session={session} player={player} snapshot={snapshot} />
        </Stage>
      </div>
      {session && <About watch={watch} onHelp={() => setHelps(true)} />}
      {helps && <KeyHelp canScrub={snapshot.canScrub} onClose={() => setHelps(false)} />}
    </Shell>
  );
}

function About({ watch, onHelp }: { watch: Watch; onHelp: () => void }) {
  const { session, status, view, snapshot } = watch;
  if (session === null) return null;
  const teacher = teacherName(session);
  const at = session.started_at ?? session.starts_at;
  const isOnAir = (view.kind === 'playing' || view.kind === 'reconnecting') && session.status !== 'ended';
  return (
    <div className="about">
      <div className="about__text">
        <h1>{session.title}</h1>
        <p className="muted">
          {session.course.title}
          {teacher && ` · ${teacher}`}
        </p>
      </div>
      <div className="row about__facts">
        {isOnAir && status !== null && status.viewers > 0 && (
          <span className="tag">
            <Person />
            <span className="tabular">{status.viewers}</span> watching
          </span>
        )}
        {at !== null && (
          <span className="tag tabular">
            {session.started_at === null ? '' : 'Started: '}
            {dayAndTime(Date.parse(at), Date.now())}
          </span>
        )}
        {snapshot.started && (
          <button type="button" className="button button--small button--plain about__keys" onClick={onHelp}>
            <Keyboard />
            Shortcuts
          </button>
        )}
      </div>
    </div>
  );
}
