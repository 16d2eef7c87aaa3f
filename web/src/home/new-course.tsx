import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { useNavigate } from 'react-router';
import { ApiError, messageOf } from '../api/error';
import type { Course } from '../api/types';
import { api } from '../auth/account';
import { Button, Dialog, Field, Notice } from '../ui/parts';

const TITLE_LENGTH_MAX = 200;

export function NewCourse({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const creating = useMutation({
    mutationFn: (course: { title: string; description?: string; dvr: boolean }) =>
      api<Course>('/courses', { method: 'POST', body: course }),
    onSuccess: async (course) => {
      await queries.invalidateQueries({ queryKey: ['courses'] });
      navigate(`/studio/${course.id}`);
    },
  });
  const fields = creating.error instanceof ApiError ? creating.error.fields : {};
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const description = String(form.get('description')).trim();
    creating.mutate({
      title: String(form.get('title')).trim(),
      dvr: form.get('dvr') !== null,
      ...(description === '' ? {} : { description }),
    });
  };
  return (
    <Dialog title="New course" onClose={onClose}>
      <form className="form" onSubmit={submit}>
        {creating.isError && <Notice tone="bad">{messageOf(creating.error)}</Notice>}
        <Field label="Title" errors={fields.title}>
          {(control) => <input {...control} name="title" required maxLength={TITLE_LENGTH_MAX} autoFocus />}
        </Field>
        <Field label="Description" hint="Optional. Students see it." errors={fields.description}>
          {(control) => <textarea {...control} name="description" rows={3} />}
        </Field>
        <label className="check">
          <input type="checkbox" name="dvr" defaultChecked />
          <span>
            Students may watch back
            <span className="field__hint"> – latecomers can start at the beginning while the lecture runs.</span>
          </span>
        </label>
        <div className="row row--end">
          <Button type="button" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" look="main" disabled={creating.isPending}>
            Create course
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
