import { useMutation, useQuery } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { Link, Navigate } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import type { LetterAnswer, Options } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice } from '../ui/parts';
import { LetterSent } from './letter-sent';
import { PasswordField } from './password-field';
import { useAccount } from './use-account';
import { letterLanguage } from './words';

interface NewAccount {
  email: string;
  full_name: string;
  password: string;
  locale: 'en' | 'vi';
}

export function RegisterPage() {
  const account = useAccount();
  const options = useQuery({ queryKey: ['options'], queryFn: () => askOpenly<Options>('/auth/options'), retry: false });
  const registering = useMutation({
    mutationFn: (body: NewAccount) => askOpenly<LetterAnswer>('/auth/register', { method: 'POST', body }),
  });
  if (account.kind === 'signed-in') return <Navigate to="/" replace />;
  if (registering.isSuccess) {
    return (
      <LetterSent
        title="Confirm your email"
        email={registering.variables.email}
        letter={registering.data.letter}
        text="Open the link in the email, then sign in. The link works for 24 hours."
        again="/auth/resend-verification"
      />
    );
  }
  if (options.data?.registration === false) {
    return (
      <AlonePage title="Accounts are made by the school" text="Nobody can sign up by himself here. Ask your school for an account.">
        <Link className="button button--main button--wide" to="/login">
          Sign in
        </Link>
      </AlonePage>
    );
  }

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    registering.mutate({
      email: String(form.get('email')).trim(),
      full_name: String(form.get('full_name')).trim(),
      password: String(form.get('password')),
      locale: letterLanguage(navigator.languages),
    });
  };
  const fields = registering.error instanceof ApiError ? registering.error.fields : {};

  return (
    <AlonePage title="Create an account" text="to join lectures and courses.">
      <form className="form" onSubmit={submit}>
        {registering.isError && Object.keys(fields).length === 0 && <Notice tone="bad">{messageOf(registering.error)}</Notice>}
        <Field label="Full name" hint="As your teachers know you." errors={fields.full_name}>
          {(control) => <input {...control} name="full_name" autoComplete="name" required maxLength={120} autoFocus />}
        </Field>
        <Field label="Email" errors={fields.email}>
          {(control) => <input {...control} name="email" type="email" autoComplete="username" required />}
        </Field>
        <PasswordField label="Password" errors={fields.password} />
        <Button type="submit" look="main" className="button--wide" disabled={registering.isPending}>
          {registering.isPending ? 'Creating…' : 'Create account'}
        </Button>
        <p className="small muted">
          You have one already? <Link to="/login">Sign in</Link>
        </p>
      </form>
    </AlonePage>
  );
}
