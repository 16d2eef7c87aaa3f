// The teacher's page: what arrives from OBS, a private preview, go live and end.

import './studio.css';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Course, LiveStatus } from '../api/types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Person } from '../ui/icons';
import { CopyButton, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { clockTime } from '../ui/time';
import { useNow } from '../ui/hooks';
import { ClassCard } from './class-card';
import { HealthPanel } from './health-panel';
import { LiveControls } from './live-controls';
import { ObsAdvice, ObsCard } from './obs-card';
import { PreviewCard } from './preview-card';
import { standing } from './words';

const STATUS_EVERY_MS = 1_500;

export function StudioPage() {
  const { course = '' } = useParams();
  return <Gate>{() => <Studio key={course} id={course} />}</Gate>;
}

function Studio({ id }: { id: string }) {
  const course = useQuery({ queryKey: ['course', id], queryFn: () => api<Course>(`/courses/${encodeURIComponent(id)}`) });
  const status = useQuery({
    queryKey: ['live-status', id],
    queryFn: () => api<LiveStatus>(`/courses/${encodeURIComponent(id)}/live-status`),
    refetchInterval: STATUS_EVERY_MS,
    refetchIntervalInBackground: true,
    enabled: course.isSuccess,
  });
  const error = course.error ?? (status.data ? null : status.error);
  return (
    <Shell title={course.data ? `Studio: ${course.data.title}` : 'Studio'}>
      {error && <Refused error={error} />}
      {course.isPending && <Spinner label="Opening the studio…" />}
      {course.data && !error && <Desk course={course.data} status={status.data ?? null} isStale={status.isError} />}
    </Shell>
  );
}

function Refused({ error }: { error: Error }) {
  const words =
    error instanceof ApiError && error.status === 403
      ? 'The studio is open to the teacher of the course alone.'
      : error instanceof ApiError && error.status === 404
        ? 'There is no such course.'
        : messageOf(error);
  return (
    <div className="form">
      <h1>Studio</h1>
      <Notice tone="bad">{words}</Notice>
      <p>
        <Link to="/">My lectures</Link>
      </p>
    </div>
  );
}

function Desk({ course, status, isStale }: { course: Course; status: LiveStatus | null; isStale: boolean }) {
  const now = status && standing(status);
  return (
    <>
      <div className="page-head studio__head">
        <div>
          <p className="small">Studio</p>
          <h1>{course.title}</h1>
          {status && now && (
            <div className="row studio__state" role="status">
              <span className={`tag ${now.tone === 'quiet' ? '' : `tag--${now.tone}`}`}>
                <span className={`dot${now.tone === 'live' ? ' dot--beats' : ''}`} />
                {now.label}
              </span>
              <span className="muted">{now.text}</span>
            </div>
          )}
        </div>
        {status && <LiveControls course={course} status={status} />}
      </div>
      {isStale && <Notice tone="warn">The server does not answer just now. What stands here may be old.</Notice>}
      <div className="studio">
        <div className="studio__main">
          <PreviewCard course={course.id} status={status} />
          {status?.session && (status.state === 'live' || status.state === 'interrupted') && <OnAir status={status} />}
          <HealthPanel status={status} />
          <ClassCard course={course} />
        </div>
        <div className="studio__side">
          <ObsCard course={course.id} />
          <ObsAdvice />
        </div>
      </div>
    </>
  );
}

function OnAir({ status }: { status: LiveStatus }) {
  const now = useNow(1_000);
  const { session } = status;
  if (!session) return null;
  const link = `${location.origin}/watch/${session.id}`;
  return (
    <section className="card onair" aria-label="On air">
      <dl className="onair__facts">
        <div>
          <dt>On air</dt>
          <dd className="tabular">{session.started_at ? clockTime((now - Date.parse(session.started_at)) / 1000) : '–'}</dd>
        </div>
        <div>
          <dt>Watching</dt>
          <dd className="tabular">
            <Person />
            {status.viewers}
          </dd>
        </div>
      </dl>
      <div className="onair__link">
        <Link to={`/watch/${session.id}`}>Students’ page</Link>
        <CopyButton text={link} label="Copy link" what="to the students’ page" />
      </div>
    </section>
  );
}
