// Everything that may be said of a course, in one form.

import '../courses/courses.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Category, WholeCourse } from '../api/course-types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Button, Confirm, Field, Notice, Spinner } from '../ui/parts';
import { Shell } from '../ui/shell';
import { changes, fromMinor } from './course-form';

export function SettingsPage() {
  const { course = '' } = useParams();
  return <Gate>{() => <Settings key={course} id={course} />}</Gate>;
}

function Settings({ id }: { id: string }) {
  const course = useQuery({
    queryKey: ['course', id],
    queryFn: () => api<WholeCourse>(`/courses/${encodeURIComponent(id)}`),
    refetchOnWindowFocus: false,
  });
  return (
    <Shell title={course.data ? `Settings: ${course.data.title}` : 'Settings'}>
      {course.isPending && <Spinner label="Opening the settings…" />}
      {course.isError && <Notice tone="bad">{messageOf(course.error)}</Notice>}
      {course.data && <Form key={course.data.id} course={course.data} />}
    </Shell>
  );
}

function Form({ course }: { course: WholeCourse }) {
  const [access, setAccess] = useState(course.access);
  const queries = useQueryClient();
  const categories = useQuery({ queryKey: ['categories'], queryFn: () => api<Category[]>('/categories') });
  const saving = useMutation({
    mutationFn: (body: object) => api<WholeCourse>(`/courses/${course.id}`, { method: 'PATCH', body }),
    onSuccess: async (saved) => {
      queries.setQueryData(['course', course.id], saved);
      await Promise.all([['courses'], ['catalogue'], ['sessions']].map((queryKey) => queries.invalidateQueries({ queryKey })));
    },
  });
  const fields = saving.error instanceof ApiError ? saving.error.fields : {};
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    saving.mutate(changes(new FormData(event.currentTarget)));
  };
  return (
    <form className="settings" onSubmit={submit}>
      <div className="page-head">
        <div>
          <p className="small">
            <Link to={`/courses/${course.slug}`}>{course.title}</Link>
          </p>
          <h1>Settings</h1>
        </div>
        <Button type="submit" look="main" disabled={saving.isPending}>
          Save
        </Button>
      </div>
      {saving.isError && <Notice tone="bad">{messageOf(saving.error)}</Notice>}
      {saving.isSuccess && !saving.isPending && <Notice tone="good">Saved.</Notice>}

      <fieldset className="card form">
        <legend>About</legend>
        <Field label="Title" errors={fields.title}>
          {(control) => <input {...control} name="title" required maxLength={200} defaultValue={course.title} />}
        </Field>
        <Field label="Description" hint="Students read it before they join." errors={fields.description}>
          {(control) => <textarea {...control} name="description" rows={6} maxLength={10_000} defaultValue={course.description} />}
        </Field>
        <div className="two">
          {/* Made anew once the categories are there: a select keeps its first value only if it has it. */}
          <Field key={categories.dataUpdatedAt} label="Category" errors={fields.category_id}>
            {(control) => (
              <select {...control} name="category_id" defaultValue={course.category?.id ?? ''} disabled={!categories.data}>
                <option value="">None</option>
                {categories.data?.map((category) => (
                  <option key={category.id} value={category.id}>
                    {`${'\u2003'.repeat(category.depth)}${category.name}`}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Level">
            {(control) => (
              <select {...control} name="level" defaultValue={course.level}>
                <option value="all">All levels</option>
                <option value="beginner">Beginner</option>
                <option value="intermediate">Intermediate</option>
                <option value="advanced">Advanced</option>
              </select>
            )}
          </Field>
          <Field label="Language" hint="Its tag: vi, id, en." errors={fields.language}>
            {(control) => <input {...control} name="language" maxLength={35} defaultValue={course.language ?? ''} />}
          </Field>
          <Field label="How it is taken">
            {(control) => (
              <select {...control} name="mode" defaultValue={course.mode}>
                <option value="classroom">Live, with a class</option>
                <option value="self_paced">In one’s own time</option>
              </select>
            )}
          </Field>
        </div>
        <Field label="Address" hint={`${location.origin}/courses/…`} errors={fields.slug}>
          {(control) => <input {...control} name="slug" required maxLength={80} defaultValue={course.slug} spellCheck={false} />}
        </Field>
      </fieldset>

      <fieldset className="card form">
        <legend>Joining</legend>
        <Field label="Stage" hint="Nobody finds a draft. An archived course takes nobody in; its students keep it.">
          {(control) => (
            <select {...control} name="stage" defaultValue={course.stage}>
              <option value="draft">Draft</option>
              <option value="published">Published</option>
              <option value="archived">Archived</option>
            </select>
          )}
        </Field>
        <Field label="Who comes in">
          {(control) => (
            <select {...control} name="access" value={access} onChange={(event) => setAccess(event.target.value as WholeCourse['access'])}>
              <option value="public">Everyone, at once</option>
              <option value="private">Whom you approve or invite</option>
              <option value="restricted">A certain group, or by invite</option>
              <option value="paid">Who has paid</option>
            </select>
          )}
        </Field>
        <Field label="In the catalogue">
          {(control) => (
            <select {...control} key={access} name="listed" defaultValue={listedFirst(course, access)}>
              {access === course.access && course.stage !== 'published' && <option value="">As it was before</option>}
              <option value="true">Everyone can find it</option>
              <option value="false">Hidden: only by invite or enrolment</option>
            </select>
          )}
        </Field>
        {access === 'paid' && (
          <div className="two">
            <Field label="Price" errors={fields.price_minor}>
              {(control) => <input {...control} type="number" name="price" min={0} step="any" required defaultValue={fromMinor(course.price_minor, course.currency)} />}
            </Field>
            <Field label="Currency" hint="VND, IDR, USD …" errors={fields.currency}>
              {(control) => <input {...control} name="currency" required pattern="[A-Z]{3}" maxLength={3} defaultValue={course.currency} />}
            </Field>
          </div>
        )}
        <Field label="Places" errors={fields.capacity}>
          {(control) => <input {...control} type="number" name="capacity" min={1} max={100_000} required defaultValue={course.capacity} />}
        </Field>
        <label className="check">
          <input type="checkbox" name="waiting_list" defaultChecked={course.waiting_list} />
          <span>Who finds no place may wait for one</span>
        </label>
        <Field label="Days" hint="So long a student has the place. Empty: as long as the course." errors={fields.access_days}>
          {(control) => <input {...control} type="number" name="access_days" min={1} max={3660} defaultValue={course.access_days ?? ''} />}
        </Field>
      </fieldset>

      <fieldset className="card form">
        <legend>Lectures</legend>
        <label className="check">
          <input type="checkbox" name="dvr" defaultChecked={course.dvr} />
          <span>Latecomers may start at the beginning while a lecture runs</span>
        </label>
        <label className="check">
          <input type="checkbox" name="record" defaultChecked={course.record} />
          <span>Lectures are recorded</span>
        </label>
        <Field label="Chat">
          {(control) => (
            <select {...control} name="chat" defaultValue={course.chat}>
              <option value="everyone">Everyone may write</option>
              <option value="teacher_only">Only the teacher</option>
              <option value="off">No chat</option>
            </select>
          )}
        </Field>
      </fieldset>
      <div className="row settings__end">
        {course.my_part === 'owner' && <Remove course={course} />}
        <Button type="submit" look="main" disabled={saving.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}

/** A course that is not published is found by nobody, so its answer does not tell what is to be. */
function listedFirst(course: WholeCourse, access: WholeCourse['access']): string {
  if (access !== course.access) return String(access !== 'private');
  return course.stage === 'published' ? String(course.listed) : '';
}

function Remove({ course }: { course: WholeCourse }) {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const removing = useMutation({
    mutationFn: () => api(`/courses/${course.id}`, { method: 'DELETE' }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['courses'] });
      navigate('/');
    },
  });
  return (
    <>
      <Button type="button" look="danger" onClick={() => setAsking(true)}>
        Delete this course
      </Button>
      {asking && (
        <Remover title={course.title} busy={removing.isPending} error={removing.isError ? messageOf(removing.error) : null} onConfirm={() => removing.mutate()} onClose={() => setAsking(false)} />
      )}
    </>
  );
}

function Remover({ title, ...rest }: { title: string; busy: boolean; error: string | null; onConfirm: () => void; onClose: () => void }) {
  return <Confirm title={`Delete ${title}?`} text="Only a course that nothing has happened in can be deleted. Archive it otherwise." action="Delete" danger {...rest} />;
}
