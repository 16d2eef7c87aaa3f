import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { Link, useLocation } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import type { LetterAnswer } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice } from '../ui/parts';
import { LetterSent } from './letter-sent';

export function ForgotPage() {
  const { state } = useLocation() as { state: { email?: string } | null };
  const asking = useMutation({
    mutationFn: (email: string) => askOpenly<LetterAnswer>('/auth/forgot-password', { method: 'POST', body: { email } }),
  });
  if (asking.isSuccess) {
    return (
      <LetterSent
        title="Look into your mail"
        email={asking.variables}
        letter={asking.data.letter}
        text="If this address has an account, you get a link to choose a new password. It works for 30 minutes."
        again="/auth/forgot-password"
      />
    );
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    asking.mutate(String(new FormData(event.currentTarget).get('email')).trim());
  };
  const fields = asking.error instanceof ApiError ? asking.error.fields : {};
  return (
    <AlonePage title="Forgotten your password?" text="We send you a link to choose a new one.">
      <form className="form" onSubmit={submit}>
        {asking.isError && !fields.email && <Notice tone="bad">{messageOf(asking.error)}</Notice>}
        <Field label="Email" errors={fields.email}>
          {(control) => <input {...control} name="email" type="email" autoComplete="username" defaultValue={state?.email ?? ''} required autoFocus />}
        </Field>
        <Button type="submit" look="main" className="button--wide" disabled={asking.isPending}>
          {asking.isPending ? 'Sending…' : 'Send the link'}
        </Button>
        <Link className="small" to="/login">
          Back to sign in
        </Link>
      </form>
    </AlonePage>
  );
}
