// One course, for those who may want a place in it or have one.

import './courses.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link, useParams } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Admission, Batch, OwnEnrolment, WholeCourse } from '../api/course-types';
import type { Session } from '../api/types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { groups } from '../home/order';
import { Camera, Clock, Person, Play, Sliders } from '../ui/icons';
import { Button, Confirm, Field, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { dayAndTime, dayAndTimeWithin } from '../ui/time';
import { ACCESS, join, LEVELS, places, price, standing } from './words';

const SESSIONS_SHOWN_MAX = 5;
const ASK_EVERY_MS = 10_000;

export function CoursePage() {
  const { course = '' } = useParams();
  return <Gate>{() => <Course key={course} name={course} />}</Gate>;
}

function Course({ name }: { name: string }) {
  const course = useQuery({
    queryKey: ['course', name],
    queryFn: () => api<WholeCourse>(`/courses/${encodeURIComponent(name)}`),
    refetchInterval: ASK_EVERY_MS,
  });
  const missing = course.error instanceof ApiError && course.error.status === 404;
  return (
    <Shell title={course.data?.title ?? 'Course'}>
      {course.isPending && <Spinner label="Opening the course…" />}
      {course.isError && !course.data && (
        <div className="form">
          <h1>Course</h1>
          <Notice tone="bad">{missing ? 'There is no such course, or it is not open to you. An invite link from its teacher lets you in.' : messageOf(course.error)}</Notice>
          <p>
            <Link to="/courses">All courses</Link>
          </p>
        </div>
      )}
      {course.data && <Sheet course={course.data} />}
    </Shell>
  );
}

function Sheet({ course }: { course: WholeCourse }) {
  const path = `/courses/${course.id}`;
  const sessions = useQuery({ queryKey: ['course-sessions', course.id], queryFn: () => api<Session[]>(`${path}/sessions?per_page=50`) });
  const { now, coming } = groups(sessions.data ?? []);
  const gives = course.my_part === 'owner' || course.my_part === 'co_teacher' || course.my_part === 'assistant';
  return (
    <>
      <div className="page-head">
        <div>
          <p className="small">
            {course.category ? <Link to={`/courses?category=${course.category.id}`}>{course.category.name}</Link> : 'Course'}
          </p>
          <h1>{course.title}</h1>
          <p>{course.teacher.full_name}</p>
        </div>
        {gives && (
          <div className="row">
            <Link className="button" to={`/studio/${course.id}/students`}>
              <Person />
              Students
            </Link>
            {course.my_part !== 'assistant' && (
              <>
                <Link className="button" to={`/studio/${course.id}/settings`}>
                  <Sliders />
                  Settings
                </Link>
                <Link className="button button--main" to={`/studio/${course.id}`}>
                  <Camera />
                  Studio
                </Link>
              </>
            )}
          </div>
        )}
      </div>
      <div className="sheet">
        <div className="sheet__main">
          {course.stage === 'draft' && <Notice tone="warn">This is a draft: nobody finds it yet. Publish it in its settings.</Notice>}
          {course.stage === 'archived' && <Notice tone="warn">This course is archived and takes nobody in any more.</Notice>}
          {course.description ? <p className="sheet__text">{course.description}</p> : <p className="muted">No description yet.</p>}
          <Needed course={course} />
          <section aria-labelledby="sessions">
            <h2 id="sessions">Lectures</h2>
            {sessions.isPending && <Spinner label="Loading its lectures…" />}
            {sessions.data && now.length + coming.length === 0 && <p className="muted">None is planned at the moment.</p>}
            <ul className="dates">
              {[...now, ...coming].slice(0, SESSIONS_SHOWN_MAX).map((session) => (
                <li key={session.id}>
                  <span className="tabular muted">
                    {session.status === 'scheduled' ? session.starts_at && dayAndTime(Date.parse(session.starts_at), Date.now()) : 'Now'}
                  </span>
                  {session.can_watch ? <Link to={`/watch/${session.id}`}>{session.title}</Link> : <span>{session.title}</span>}
                </li>
              ))}
            </ul>
            {coming.length > SESSIONS_SHOWN_MAX && <p className="muted small">and {coming.length - SESSIONS_SHOWN_MAX} more</p>}
          </section>
        </div>
        <aside className="sheet__side">
          <Place course={course} live={now.find((session) => session.can_watch)} gives={gives} />
          <Facts course={course} />
        </aside>
      </div>
    </>
  );
}

/** What has to be completed first. */
function Needed({ course }: { course: WholeCourse }) {
  const admission = useQuery({ queryKey: ['admission', course.id], queryFn: () => api<Admission>(`/courses/${course.id}/admission`) });
  const needed = admission.data?.prerequisites ?? [];
  if (needed.length === 0) return null;
  return (
    <section aria-labelledby="needed">
      <h2 id="needed">To be completed first</h2>
      <ul className="dates">
        {needed.map((one) => (
          <li key={one.id}>
            <span className={`tag ${one.completed ? 'tag--good' : ''}`}>{one.completed ? 'Completed' : 'Open'}</span>
            <Link to={`/courses/${one.slug}`}>{one.title}</Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Place({ course, live, gives }: { course: WholeCourse; live: Session | undefined; gives: boolean }) {
  const own = course.enrolment;
  const inside = own !== null && ['active', 'completed', 'requested', 'waitlisted', 'awaiting_payment'].includes(own.status);
  if (gives && !inside) return null;
  return <section className="card place" aria-label="Your place">{inside ? <Inside course={course} live={live} /> : <Outside course={course} />}</section>;
}

function useChanged(course: string) {
  const queries = useQueryClient();
  return async () => {
    await Promise.all([['course'], ['enrolments'], ['sessions'], ['catalogue'], ['course-sessions', course]].map((queryKey) => queries.invalidateQueries({ queryKey })));
  };
}

/** Of somebody who has a place, or waits for one. */
function Inside({ course, live }: { course: WholeCourse; live: Session | undefined }) {
  const [leaving, setLeaving] = useState(false);
  const changed = useChanged(course.id);
  const enrolments = useQuery({
    // Asked anew with every change of the state, which the course itself tells.
    queryKey: ['enrolments', course.id, course.enrolment?.status],
    queryFn: () => api<OwnEnrolment[]>('/enrolments?per_page=100'),
    refetchInterval: ASK_EVERY_MS,
  });
  const own = enrolments.data?.find((one) => one.course.id === course.id);
  const leave = useMutation({
    mutationFn: () => api(`/courses/${course.id}/leave`, { method: 'POST' }),
    onSuccess: async () => {
      setLeaving(false);
      await changed();
    },
  });
  const status = course.enrolment?.status ?? own?.status ?? 'active';
  const now = standing(status, own?.before ?? null);
  const placed = status === 'active' || status === 'completed';
  return (
    <>
      <p>
        <span className={`tag tag--${now.tone}`}>{now.tag}</span>
      </p>
      <p role="status">{now.text}</p>
      {own?.answer && <blockquote className="answer">{own.answer}</blockquote>}
      {own?.held_until && <p className="muted small">Kept until {dayAndTimeWithin(Date.parse(own.held_until), Date.now())}.</p>}
      {own?.expires_at && <p className="muted small">Your place lasts until {dayAndTimeWithin(Date.parse(own.expires_at), Date.now())}.</p>}
      {live && placed && (
        <Link className="button button--main button--wide" to={`/watch/${live.id}`}>
          <Play />
          Watch now
        </Link>
      )}
      <Button type="button" look="plain" className="button--small" onClick={() => setLeaving(true)}>
        {placed ? 'Leave this course' : status === 'requested' ? 'Withdraw the request' : 'Give up the place'}
      </Button>
      {leaving && (
        <Confirm
          title={placed ? `Leave ${course.title}?` : 'Are you sure?'}
          text={placed ? 'You can no longer watch its lectures. Whether you can come back depends on the course.' : 'You can ask again, but you lose your turn.'}
          action={placed ? 'Leave' : 'Yes'}
          danger
          busy={leave.isPending}
          error={leave.isError ? messageOf(leave.error) : null}
          onConfirm={() => leave.mutate()}
          onClose={() => setLeaving(false)}
        />
      )}
    </>
  );
}

/** Of somebody who has none. */
function Outside({ course }: { course: WholeCourse }) {
  const changed = useChanged(course.id);
  const batches = useQuery({ queryKey: ['batches', course.id], queryFn: () => api<Batch[]>(`/courses/${course.id}/batches`) });
  const open = (batches.data ?? []).filter((batch) => batch.open && (batch.ends_at === null || Date.parse(batch.ends_at) > Date.now()));
  const joining = useMutation({
    mutationFn: (body: object) => api(`/courses/${course.id}/enroll`, { method: 'POST', body }),
    onSuccess: changed,
  });
  const before = course.enrolment && standing(course.enrolment.status);
  const way = join(course);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    joining.mutate({
      ...(text('message') ? { message: text('message') } : {}),
      ...(text('batch') ? { batch_id: text('batch') } : {}),
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <p className="place__price">{course.access === 'paid' ? price(course.price_minor, course.currency) : 'Free'}</p>
      {before && <Notice tone="warn">{before.text}</Notice>}
      {way === null && <p className="muted">{course.stage === 'published' ? 'All places are taken.' : 'This course takes nobody in at the moment.'}</p>}
      {way && (
        <>
          {open.length > 0 && (
            <Field label="Batch">
              {(control) => (
                <select {...control} name="batch" required defaultValue="">
                  <option value="" disabled>
                    Choose one
                  </option>
                  {open.map((batch) => (
                    <option key={batch.id} value={batch.id}>
                      {batch.title}
                      {batch.capacity !== null && batch.taken >= batch.capacity ? ' (full: waiting list)' : ''}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
          {way.asks && (
            <Field label="Message to the teacher" hint="Optional.">
              {(control) => <textarea {...control} name="message" rows={3} maxLength={1000} />}
            </Field>
          )}
          {joining.isError && <Notice tone="bad">{messageOf(joining.error)}</Notice>}
          <Button type="submit" look="main" className="button--wide" disabled={joining.isPending}>
            {way.action}
          </Button>
          <p className="muted small">{way.hint}</p>
        </>
      )}
    </form>
  );
}

function Facts({ course }: { course: WholeCourse }) {
  const window = [
    course.access_from && `from ${dayAndTimeWithin(Date.parse(course.access_from), Date.now())}`,
    course.access_until && `until ${dayAndTimeWithin(Date.parse(course.access_until), Date.now())}`,
    course.access_days && `for ${course.access_days} days from the day you join`,
  ].filter(Boolean);
  const rows: Array<[string, string]> = [
    ['Places', places(course)],
    ['Joining', ACCESS[course.access]],
    ['Level', LEVELS[course.level]],
    ['How', course.mode === 'classroom' ? 'Live, with a class' : 'In your own time'],
  ];
  if (course.language) rows.push(['Language', languageName(course.language)]);
  if (course.dvr) rows.push(['Watching back', 'While a lecture runs']);
  if (window.length > 0) rows.push(['Open', window.join(', ')]);
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {course.next_session_at && (
        <div>
          <dt>Next lecture</dt>
          <dd className="facts__next">
            <Clock />
            {dayAndTime(Date.parse(course.next_session_at), Date.now())}
          </dd>
        </div>
      )}
    </dl>
  );
}

function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(undefined, { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
