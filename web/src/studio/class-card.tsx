// Who may watch, and when: enrol a student, schedule a session.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type RefObject, useRef } from 'react';
import { Link } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Course, Session } from '../api/types';
import { api } from '../auth/account';
import { groups } from '../home/order';
import { Button, Field, Notice } from '../ui/parts';
import { dayAndTime } from '../ui/time';

const SESSION_MINUTES_MAX = 180;
const SESSION_MINUTES_USUAL = 90;

export function ClassCard({ course }: { course: Course }) {
  const queries = useQueryClient();
  const path = `/courses/${encodeURIComponent(course.id)}`;
  const sessions = useQuery({ queryKey: ['course-sessions', course.id], queryFn: () => api<Session[]>(`${path}/sessions`) });
  const coming = groups(sessions.data ?? []).coming;

  const enrolForm = useRef<HTMLFormElement>(null);
  const enrolling = useMutation({
    mutationFn: (email: string) => api(`${path}/enroll-student`, { method: 'POST', body: { email } }),
    onSuccess: () => enrolForm.current?.reset(),
  });
  const planForm = useRef<HTMLFormElement>(null);
  const planning = useMutation({
    mutationFn: (session: object) => api<Session>('/sessions', { method: 'POST', body: { course_id: course.id, ...session } }),
    onSuccess: () => {
      planForm.current?.reset();
      void queries.invalidateQueries({ queryKey: ['course-sessions', course.id] });
      void queries.invalidateQueries({ queryKey: ['sessions'] });
    },
  });

  return (
    <section className="card class" aria-labelledby="class">
      <header>
        <h2 id="class">Class</h2>
      </header>
      {coming.length > 0 && (
        <ul className="class__coming">
          {coming.map((session) => (
            <li key={session.id}>
              <Link to={`/watch/${session.id}`}>{session.title}</Link>
              <span className="muted small tabular">
                {session.starts_at && dayAndTime(Date.parse(session.starts_at), Date.now())}
              </span>
            </li>
          ))}
        </ul>
      )}
      <details open={coming.length === 0 && sessions.isSuccess}>
        <summary>Schedule a session</summary>
        <Plan ref_={planForm} isBusy={planning.isPending} error={planning.error} onPlan={(session) => planning.mutate(session)} />
      </details>
      <details>
        <summary>Enrol a student</summary>
        <form
          ref={enrolForm}
          className="class__form"
          onSubmit={(event) => {
            event.preventDefault();
            enrolling.mutate(String(new FormData(event.currentTarget).get('email')).trim());
          }}
        >
          <Field label="Email of the student" errors={enrolling.error instanceof ApiError ? enrolling.error.fields.email : undefined}>
            {(control) => <input {...control} type="email" name="email" required autoComplete="off" />}
          </Field>
          {enrolling.isError && <Notice tone="bad">{messageOf(enrolling.error)}</Notice>}
          {enrolling.isSuccess && <Notice tone="good">{enrolling.variables} may watch now.</Notice>}
          <div>
            <Button type="submit" disabled={enrolling.isPending}>
              Enrol
            </Button>
          </div>
        </form>
      </details>
    </section>
  );
}

function Plan({
  ref_,
  isBusy,
  error,
  onPlan,
}: {
  ref_: RefObject<HTMLFormElement | null>;
  isBusy: boolean;
  error: Error | null;
  onPlan: (session: { title: string; starts_at: string; ends_at: string }) => void;
}) {
  const fields = error instanceof ApiError ? error.fields : {};
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const starts = new Date(String(form.get('starts')));
    const ends = new Date(starts.getTime() + Number(form.get('minutes')) * 60_000);
    onPlan({ title: String(form.get('title')).trim(), starts_at: starts.toISOString(), ends_at: ends.toISOString() });
  };
  return (
    <form ref={ref_} className="class__form" onSubmit={submit}>
      <Field label="Title" errors={fields.title}>
        {(control) => <input {...control} name="title" required maxLength={200} />}
      </Field>
      <div className="two">
        <Field label="Starts" hint={Intl.DateTimeFormat().resolvedOptions().timeZone} errors={fields.starts_at}>
          {(control) => <input {...control} name="starts" type="datetime-local" required />}
        </Field>
        <Field label="Minutes" hint={`At most ${SESSION_MINUTES_MAX}.`} errors={fields.ends_at}>
          {(control) => (
            <input {...control} name="minutes" type="number" min={5} max={SESSION_MINUTES_MAX} defaultValue={SESSION_MINUTES_USUAL} required />
          )}
        </Field>
      </div>
      {error && <Notice tone="bad">{messageOf(error)}</Notice>}
      <div>
        <Button type="submit" disabled={isBusy}>
          Schedule
        </Button>
      </div>
    </form>
  );
}
