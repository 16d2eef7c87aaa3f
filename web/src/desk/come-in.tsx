// The ways in: one address, a list of addresses, a link.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef } from 'react';
import { ApiError, messageOf } from '../api/error';
import type { FreshInvite, ImportReport, Invite, WholeCourse } from '../api/course-types';
import { api } from '../auth/account';
import { Button, CopyButton, Field, Notice } from '../ui/parts';
import { dayAndTimeWithin } from '../ui/time';

export function ComeIn({ course }: { course: WholeCourse }) {
  return (
    <>
      <section className="card" aria-labelledby="enrol">
        <h2 id="enrol">Enrol</h2>
        <One course={course} />
        <details>
          <summary>Enrol a whole list</summary>
          <List course={course} />
        </details>
      </section>
      <section className="card" aria-labelledby="invites">
        <h2 id="invites">Invite links</h2>
        <Invites course={course} />
      </section>
    </>
  );
}

function useRefresh(course: WholeCourse) {
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: ['course-enrolments', course.id] });
    void queries.invalidateQueries({ queryKey: ['course', course.id] });
  };
}

function One({ course }: { course: WholeCourse }) {
  const form = useRef<HTMLFormElement>(null);
  const refresh = useRefresh(course);
  const enrolling = useMutation({
    mutationFn: (email: string) => api(`/courses/${course.id}/enroll-student`, { method: 'POST', body: { email } }),
    onSuccess: () => {
      form.current?.reset();
      refresh();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    enrolling.mutate(String(new FormData(event.currentTarget).get('email')).trim());
  };
  const unknown = enrolling.error instanceof ApiError && enrolling.error.status === 404;
  return (
    <form ref={form} className="form" onSubmit={submit}>
      <Field label="Email address">{(control) => <input {...control} type="email" name="email" required autoComplete="off" />}</Field>
      {enrolling.isError && (
        <Notice tone="bad">{unknown ? 'Nobody has an account with this address. Send an invite link instead.' : messageOf(enrolling.error)}</Notice>
      )}
      {enrolling.isSuccess && <Notice tone="good">{enrolling.variables} has a place.</Notice>}
      <Button type="submit" disabled={enrolling.isPending}>
        Enrol
      </Button>
    </form>
  );
}

function List({ course }: { course: WholeCourse }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const refresh = useRefresh(course);
  const importing = useMutation({
    mutationFn: (csv: string) => api<ImportReport>(`/courses/${course.id}/enrolments/import`, { method: 'POST', body: { csv } }),
    onSuccess: refresh,
  });
  const rest = importing.data?.lines.filter((line) => line.outcome !== 'enrolled' && line.outcome !== 'already') ?? [];
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        importing.mutate(area.current?.value ?? '');
      }}
    >
      <Field label="Addresses" hint="One student a line, pasted or from a spreadsheet saved as CSV.">
        {(control) => <textarea {...control} ref={area} rows={5} required spellCheck={false} placeholder="anna@school.example" />}
      </Field>
      <input
        type="file"
        accept=".csv,text/csv,text/plain"
        aria-label="A CSV file"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void file.text().then((text) => area.current && (area.current.value = text));
        }}
      />
      {importing.isError && <Notice tone="bad">{messageOf(importing.error)}</Notice>}
      {importing.data && (
        <Notice tone={rest.length > 0 ? 'warn' : 'good'} title={`${importing.data.enrolled} enrolled`}>
          {rest.length > 0 && (
            <ul className="report">
              {rest.map((line) => (
                <li key={line.line}>
                  Line {line.line}
                  {line.email && `, ${line.email}`}: {line.message}
                </li>
              ))}
            </ul>
          )}
        </Notice>
      )}
      <Button type="submit" disabled={importing.isPending}>
        Enrol the list
      </Button>
    </form>
  );
}

function Invites({ course }: { course: WholeCourse }) {
  const queries = useQueryClient();
  const key = ['invites', course.id];
  const invites = useQuery({ queryKey: key, queryFn: () => api<Invite[]>(`/courses/${course.id}/invites`) });
  const again = () => queries.invalidateQueries({ queryKey: key });
  const making = useMutation({
    mutationFn: (body: object) => api<FreshInvite>(`/courses/${course.id}/invites`, { method: 'POST', body }),
    onSuccess: again,
  });
  const revoking = useMutation({ mutationFn: (id: string) => api(`/invites/${id}`, { method: 'DELETE' }), onSuccess: again });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const uses = String(form.get('uses')).trim();
    making.mutate({ days: Number(form.get('days')), ...(uses ? { uses_max: Number(uses) } : {}) });
  };
  return (
    <>
      <p className="muted small">Who opens the link and signs in is in the course, as far as there are places.</p>
      {making.data && (
        <Notice tone="good" title="Copy the link now: it is shown this once.">
          <p className="link">
            <code>{making.data.link}</code>
          </p>
          <CopyButton text={making.data.link} label="Copy link" what="to the course" />
        </Notice>
      )}
      <form className="form" onSubmit={submit}>
        <div className="two">
          <Field label="Days">{(control) => <input {...control} type="number" name="days" min={1} max={366} defaultValue={14} required />}</Field>
          <Field label="Students">{(control) => <input {...control} type="number" name="uses" min={1} max={100000} placeholder="any" />}</Field>
        </div>
        {making.isError && <Notice tone="bad">{messageOf(making.error)}</Notice>}
        <Button type="submit" disabled={making.isPending}>
          Make a link
        </Button>
      </form>
      {revoking.isError && <Notice tone="bad">{messageOf(revoking.error)}</Notice>}
      <ul className="dates">
        {invites.data?.map((invite) => (
          <li key={invite.id}>
            <span className="small">
              {invite.uses}
              {invite.uses_max !== null && ` of ${invite.uses_max}`} came ·{' '}
              {invite.good ? `until ${dayAndTimeWithin(Date.parse(invite.expires_at), Date.now())}` : 'used up or over'}
            </span>
            <Button type="button" look="plain" className="button--small" disabled={revoking.isPending} onClick={() => revoking.mutate(invite.id)}>
              Revoke
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}
