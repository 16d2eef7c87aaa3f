import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { ApiError, messageOf } from '../api/error';
import { changePassword } from '../auth/account';
import { PasswordField } from '../auth/password-field';
import { Button, Field, Notice } from '../ui/parts';

export function PasswordCard() {
  const queries = useQueryClient();
  const changing = useMutation({
    mutationFn: (form: { current: string; next: string }) => changePassword(form.current, form.next),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['devices'] }),
  });
  const fields = changing.error instanceof ApiError ? changing.error.fields : {};
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const target = event.currentTarget;
    const form = new FormData(target);
    changing.mutate(
      { current: String(form.get('current')), next: String(form.get('password')) },
      { onSuccess: () => target.reset() },
    );
  };
  return (
    <section className="card" aria-labelledby="password">
      <header>
        <h2 id="password">Password</h2>
      </header>
      <form className="form" onSubmit={submit}>
        {changing.isError && Object.keys(fields).length === 0 && <Notice tone="bad">{messageOf(changing.error)}</Notice>}
        {changing.isSuccess && <Notice tone="good">Your password is changed. All other devices are signed out.</Notice>}
        <Field label="Present password" errors={fields.current_password}>
          {(control) => <input {...control} name="current" type="password" autoComplete="current-password" required />}
        </Field>
        <PasswordField label="New password" errors={fields.password} />
        <div>
          <Button type="submit" disabled={changing.isPending}>
            {changing.isPending ? 'Changing…' : 'Change password'}
          </Button>
        </div>
      </form>
    </section>
  );
}
