// The first page: what is live, what comes, what was; and for teachers their courses.

import './home.css';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { messageOf } from '../api/error';
import type { OwnEnrolment } from '../api/course-types';
import type { Course, Session, User } from '../api/types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Arrow, Camera, Play, Plus } from '../ui/icons';
import { standing } from '../courses/words';
import { Button, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { dayAndTime } from '../ui/time';
import { NewCourse } from './new-course';
import { type Groups, groups, teacherName } from './order';

const ASK_EVERY_MS = 10_000;
const SHOWN_MAX = 50;

export function HomePage() {
  return <Gate>{(user) => <Home user={user} />}</Gate>;
}

function Home({ user }: { user: User }) {
  const teaches = user.role !== 'student';
  const sessions = useQuery({
    queryKey: ['sessions'],
    queryFn: () => api<Session[]>(`/sessions?per_page=${SHOWN_MAX}`),
    refetchInterval: ASK_EVERY_MS,
  });
  return (
    <Shell title="My lectures">
      <div className="page-head">
        <div>
          <h1>My lectures</h1>
          <p>{new Date().toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' })}</p>
        </div>
      </div>
      <div className="home">
        {sessions.isError && !sessions.data && <Notice tone="bad">{messageOf(sessions.error)}</Notice>}
        {sessions.isPending && <Spinner label="Loading your lectures…" />}
        {sessions.data && <Sessions groups={groups(sessions.data)} teaches={teaches} />}
        <Learning teaches={teaches} />
        <Courses teaches={teaches} />
      </div>
    </Shell>
  );
}

function Sessions({ groups, teaches }: { groups: Groups; teaches: boolean }) {
  const isEmpty = groups.now.length + groups.coming.length + groups.past.length === 0;
  if (isEmpty) {
    return (
      <div className="empty">
        <h3>No lectures yet</h3>
        <p>
          {teaches
            ? 'Open the studio of a course and go live, or schedule a session there.'
            : 'As soon as you have a place in a course, its lectures appear here. Nothing needs to be refreshed.'}
        </p>
        {!teaches && (
          <Link className="button button--main" to="/courses">
            Find a course
          </Link>
        )}
      </div>
    );
  }
  return (
    <>
      {groups.now.length > 0 && (
        <section aria-labelledby="now">
          <h2 id="now">Live now</h2>
          <ul className="now">
            {groups.now.map((session) => (
              <li key={session.id}>
                <NowCard session={session} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {groups.coming.length > 0 && <SessionList id="coming" heading="Coming up" sessions={groups.coming} />}
      {groups.past.length > 0 && <SessionList id="past" heading="Past" sessions={groups.past} />}
    </>
  );
}

function NowCard({ session }: { session: Session }) {
  const teacher = teacherName(session);
  return (
    <article className="now__card">
      <div>
        {session.status === 'live' ? (
          <span className="tag tag--live">
            <span className="dot dot--beats" />
            Live
          </span>
        ) : (
          <span className="tag tag--warn">
            <span className="dot" />
            Interrupted
          </span>
        )}
        <h3>{session.title}</h3>
        <p className="muted">
          {session.course.title}
          {teacher && ` · ${teacher}`}
        </p>
      </div>
      <div className="row">
        {session.is_owner && (
          <Link className="button" to={`/studio/${session.course.id}`}>
            <Camera />
            Studio
          </Link>
        )}
        <Link className="button button--main" to={`/watch/${session.id}`}>
          <Play />
          Join
          <span className="visually-hidden">: {session.title}</span>
        </Link>
      </div>
    </article>
  );
}

function SessionList({ id, heading, sessions }: { id: string; heading: string; sessions: Session[] }) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{heading}</h2>
      <ul className="list">
        {sessions.map((session) => (
          <li key={session.id}>
            <Link className="list__row" to={`/watch/${session.id}`}>
              <span className="list__when tabular">{when(session)}</span>
              <span>
                <span className="list__title">{session.title}</span>
                <span className="list__course">{session.course.title}</span>
              </span>
              {session.status === 'scheduled' && <Arrow16 />}
              {session.status === 'ended' && <span className="tag">Ended</span>}
              {session.status === 'cancelled' && <span className="tag tag--warn">Cancelled</span>}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Arrow16() {
  return (
    <span className="list__arrow muted">
      <Arrow />
    </span>
  );
}

function when(session: Session): string {
  const at = session.status === 'ended' ? (session.started_at ?? session.starts_at) : session.starts_at;
  return at === null ? 'Not scheduled' : dayAndTime(Date.parse(at), Date.now());
}

/** What one learns, or waits for. */
function Learning({ teaches }: { teaches: boolean }) {
  const enrolments = useQuery({ queryKey: ['enrolments'], queryFn: () => api<OwnEnrolment[]>('/enrolments?per_page=100'), refetchInterval: ASK_EVERY_MS });
  const shown = enrolments.data?.filter((one) => one.status !== 'removed') ?? [];
  if (shown.length === 0) return null;
  return (
    <section aria-labelledby="learning">
      <div className="section-head">
        <h2 id="learning">{teaches ? 'Courses I learn in' : 'My courses'}</h2>
        <Link className="button" to="/courses">
          Find a course
        </Link>
      </div>
      <ul className="courses">
        {shown.map((one) => {
          const now = standing(one.status, one.before);
          return (
            <li key={one.id} className="card course">
              <span className="row">
                <span className={`tag ${now.tone === 'quiet' ? '' : `tag--${now.tone}`}`}>{now.tag}</span>
              </span>
              <h3>
                <Link to={`/courses/${one.course.slug}`}>{one.course.title}</Link>
              </h3>
              <p>{one.status === 'active' || one.status === 'completed' ? one.course.teacher_name : now.text}</p>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What one gives, alone or with others. */
function Courses({ teaches }: { teaches: boolean }) {
  const [creating, setCreating] = useState(false);
  const courses = useQuery({ queryKey: ['courses'], queryFn: () => api<Course[]>(`/courses?mine=teaching&per_page=${SHOWN_MAX}`) });
  const mine = courses.data;
  if (!teaches && !mine?.length) return null;
  return (
    <section aria-labelledby="courses">
      <div className="section-head">
        <h2 id="courses">{teaches ? 'My courses' : 'Courses I help with'}</h2>
        {teaches && (
          <Button type="button" onClick={() => setCreating(true)}>
            <Plus />
            New course
          </Button>
        )}
      </div>
      {courses.isError && <Notice tone="bad">{messageOf(courses.error)}</Notice>}
      {courses.isPending && <Spinner label="Loading your courses…" />}
      {mine?.length === 0 && (
        <div className="empty">
          <h3>No courses yet</h3>
          <p>A course has one stream key, its students and its sessions. Make one to get into the studio.</p>
        </div>
      )}
      <ul className="courses">
        {mine?.map((course) => (
          <li key={course.id} className="card course">
            <h3>{course.title}</h3>
            {course.description && <p>{course.description}</p>}
            <span className="course__space" />
            <span className="row course__ways">
              {course.my_part !== 'assistant' && (
                <Link className="button button--small" to={`/studio/${course.id}`}>
                  <Camera />
                  Studio
                  <span className="visually-hidden"> of {course.title}</span>
                </Link>
              )}
              <Link className="button button--small" to={`/studio/${course.id}/students`}>
                Students
                <span className="visually-hidden"> of {course.title}</span>
              </Link>
              {course.my_part !== 'assistant' && (
                <Link className="button button--small button--plain" to={`/studio/${course.id}/settings`}>
                  Settings
                  <span className="visually-hidden"> of {course.title}</span>
                </Link>
              )}
            </span>
          </li>
        ))}
      </ul>
      {creating && <NewCourse onClose={() => setCreating(false)} />}
    </section>
  );
}
