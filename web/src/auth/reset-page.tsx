import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { Link } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import { AlonePage } from '../ui/shell';
import { Button, Notice } from '../ui/parts';
import { useLinkSecret } from './link-secret';
import { PasswordField } from './password-field';

export function ResetPage() {
  const token = useLinkSecret();
  const choosing = useMutation({
    mutationFn: (password: string) => askOpenly<{ email: string }>('/auth/reset-password', { method: 'POST', body: { token, password } }),
  });
  const fields = choosing.error instanceof ApiError ? choosing.error.fields : {};
  if (choosing.isSuccess) {
    return (
      <AlonePage title="Your password is changed" text="You were signed out on all devices.">
        <Link className="button button--main button--wide" to="/login" state={{ email: choosing.data.email }}>
          Sign in
        </Link>
      </AlonePage>
    );
  }
  if (token === '' || fields.token) {
    return (
      <AlonePage title="This link has ended" text="It was used, or is older than 30 minutes.">
        <Link className="button button--main button--wide" to="/forgot-password">
          Send a new link
        </Link>
      </AlonePage>
    );
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    choosing.mutate(String(new FormData(event.currentTarget).get('password')));
  };
  return (
    <AlonePage title="Choose a new password" text="You will be signed out on all devices.">
      <form className="form" onSubmit={submit}>
        {choosing.isError && !fields.password && <Notice tone="bad">{messageOf(choosing.error)}</Notice>}
        <PasswordField label="New password" errors={fields.password} autoFocus />
        <Button type="submit" look="main" className="button--wide" disabled={choosing.isPending}>
          {choosing.isPending ? 'Changing…' : 'Change password'}
        </Button>
      </form>
    </AlonePage>
  );
}
