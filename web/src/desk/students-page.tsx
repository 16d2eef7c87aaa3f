// Who asks, who waits, who is in: the desk of those who give a course.

import '../courses/courses.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Enrolment, EnrolmentStatus, WholeCourse } from '../api/course-types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Button, Confirm, Field, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { dayAndTime, dayAndTimeWithin } from '../ui/time';
import { ComeIn } from './come-in';

const PER_PAGE = 50;
const ASK_EVERY_MS = 15_000;

const TABS: Array<{ status: EnrolmentStatus; label: string; none: string }> = [
  { status: 'requested', label: 'Requests', none: 'Nobody is waiting for an answer.' },
  { status: 'active', label: 'Students', none: 'Nobody has a place yet. Enrol somebody, or send an invite link.' },
  { status: 'waitlisted', label: 'Waiting list', none: 'Nobody waits for a place.' },
  { status: 'awaiting_payment', label: 'To be paid', none: 'No place is kept for a payment.' },
  { status: 'completed', label: 'Completed', none: 'Nobody has completed the course yet.' },
];

export function StudentsPage() {
  const { course = '' } = useParams();
  return <Gate>{() => <Students key={course} id={course} />}</Gate>;
}

function Students({ id }: { id: string }) {
  const course = useQuery({ queryKey: ['course', id], queryFn: () => api<WholeCourse>(`/courses/${encodeURIComponent(id)}`) });
  return (
    <Shell title={course.data ? `Students: ${course.data.title}` : 'Students'}>
      {course.isPending && <Spinner label="Opening the list…" />}
      {course.isError && <Notice tone="bad">{messageOf(course.error)}</Notice>}
      {course.data && <Desk course={course.data} />}
    </Shell>
  );
}

function Desk({ course }: { course: WholeCourse }) {
  const [tab, setTab] = useState<EnrolmentStatus>('requested');
  const path = `/courses/${course.id}/enrolments`;
  const list = useQuery({
    queryKey: ['course-enrolments', course.id, tab],
    queryFn: () => api<Enrolment[]>(`${path}?status=${tab}&per_page=${PER_PAGE}`),
    refetchInterval: ASK_EVERY_MS,
  });
  const shown = TABS.find((one) => one.status === tab);
  const refused = list.error instanceof ApiError && list.error.status === 403;
  return (
    <>
      <div className="page-head">
        <div>
          <p className="small">
            <Link to={`/courses/${course.slug}`}>{course.title}</Link>
          </p>
          <h1>Students</h1>
          <p>
            {course.taken} of {course.capacity} places taken
          </p>
        </div>
      </div>
      {refused ? (
        <Notice tone="bad">The list is open to those who give the course.</Notice>
      ) : (
        <div className="sheet">
          <div className="sheet__main">
            <div className="tabs" role="group" aria-label="Show">
              {TABS.map((one) => (
                <button key={one.status} type="button" aria-pressed={one.status === tab} onClick={() => setTab(one.status)}>
                  {one.label}
                </button>
              ))}
            </div>
            {list.isError && <Notice tone="bad">{messageOf(list.error)}</Notice>}
            {list.isPending && <Spinner label="Loading…" />}
            {list.data?.length === 0 && (
              <div className="empty">
                <p>{shown?.none}</p>
              </div>
            )}
            {list.data && list.data.length > 0 && (
              <ul className="people">
                {list.data.map((one) => (
                  <Row key={one.id} enrolment={one} course={course} />
                ))}
              </ul>
            )}
            {list.data?.length === PER_PAGE && <p className="muted small">The first {PER_PAGE} are shown.</p>}
          </div>
          <aside className="sheet__side">
            <ComeIn course={course} />
          </aside>
        </div>
      )}
    </>
  );
}

type Deed = 'approve' | 'reject' | 'complete' | 'remove';

function Row({ enrolment, course }: { enrolment: Enrolment; course: WholeCourse }) {
  const [asking, setAsking] = useState<Deed | null>(null);
  const queries = useQueryClient();
  const acting = useMutation({
    mutationFn: ({ deed, message }: { deed: Deed; message: string }) =>
      deed === 'remove'
        ? api(`/courses/${course.id}/remove-student`, { method: 'POST', body: { user_id: enrolment.user.id } })
        : api(`/enrolments/${enrolment.id}/${deed}`, { method: 'POST', body: message ? { message } : {} }),
    onSuccess: async () => {
      setAsking(null);
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['course-enrolments', course.id] }),
        queries.invalidateQueries({ queryKey: ['course', course.id] }),
      ]);
    },
  });
  const { status, user } = enrolment;
  return (
    <li className="people__row">
      <div className="people__who">
        <strong>{user.full_name}</strong>
        <span className="muted small">{user.email}</span>
        {enrolment.message && status === 'requested' && <blockquote className="answer">{enrolment.message}</blockquote>}
        <span className="muted small">{since(enrolment)}</span>
      </div>
      <div className="row">
        {status === 'requested' && (
          <>
            <Button type="button" className="button--small" onClick={() => setAsking('reject')}>
              Decline
            </Button>
            <Button type="button" className="button--small" look="main" disabled={acting.isPending} onClick={() => acting.mutate({ deed: 'approve', message: '' })}>
              Approve
              <span className="visually-hidden"> {user.full_name}</span>
            </Button>
          </>
        )}
        {status === 'active' && (
          <Button type="button" className="button--small" onClick={() => setAsking('complete')}>
            Has completed
          </Button>
        )}
        {status !== 'requested' && (
          <Button type="button" className="button--small" look="danger" onClick={() => setAsking('remove')}>
            Remove
            <span className="visually-hidden"> {user.full_name}</span>
          </Button>
        )}
      </div>
      {acting.isError && !asking && <Notice tone="bad">{messageOf(acting.error)}</Notice>}
      {asking && (
        <Ask
          deed={asking}
          name={user.full_name}
          busy={acting.isPending}
          error={acting.isError ? messageOf(acting.error) : null}
          onDo={(message) => acting.mutate({ deed: asking, message })}
          onClose={() => setAsking(null)}
        />
      )}
    </li>
  );
}

const WORDS: Record<Deed, { title: string; text: string; action: string }> = {
  approve: { title: 'Approve', text: 'A place is given.', action: 'Approve' },
  reject: { title: 'Decline the request of', text: 'Your message is shown with the decision. You can still enrol the person later.', action: 'Decline' },
  complete: { title: 'Course completed by', text: 'The person may go on watching, and the place becomes free.', action: 'Has completed' },
  remove: { title: 'Remove', text: 'Watching ends at once, also in a running lecture. Whoever waits for a place moves up.', action: 'Remove' },
};

function Ask({ deed, name, busy, error, onDo, onClose }: { deed: Deed; name: string; busy: boolean; error: string | null; onDo: (message: string) => void; onClose: () => void }) {
  const [message, setMessage] = useState('');
  const words = WORDS[deed];
  return (
    <Confirm title={`${words.title} ${name}?`} text={words.text} action={words.action} danger={deed !== 'complete'} busy={busy} error={error} onConfirm={() => onDo(message.trim())} onClose={onClose}>
      {deed === 'reject' && (
        <Field label="Message" hint="Optional.">
          {(control) => <textarea {...control} rows={3} maxLength={1000} value={message} onChange={(event) => setMessage(event.target.value)} />}
        </Field>
      )}
    </Confirm>
  );
}

function since(enrolment: Enrolment): string {
  const when = (at: string) => dayAndTimeWithin(Date.parse(at), Date.now());
  const batch = enrolment.batch?.title ? `${enrolment.batch.title} · ` : '';
  if (enrolment.held_until) return `${batch}Kept until ${when(enrolment.held_until)}`;
  if (enrolment.status === 'active' && enrolment.placed_at) {
    return `${batch}Since ${when(enrolment.placed_at)}${enrolment.expires_at ? `, until ${when(enrolment.expires_at)}` : ''}`;
  }
  return `${batch}${dayAndTime(Date.parse(enrolment.updated_at), Date.now())}`;
}

