import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { Link } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import type { LetterAnswer } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice, Spinner } from '../ui/parts';
import { LetterSent } from './letter-sent';
import { useLinkSecret } from './link-secret';

export function VerifyPage() {
  const token = useLinkSecret();
  const confirming = useMutation({
    mutationFn: () => askOpenly<{ email: string }>('/auth/verify-email', { method: 'POST', body: { token } }),
  });
  const { mutate } = confirming;
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (token === '' || asked) return;
    setAsked(true);
    mutate();
  }, [token, asked, mutate]);

  if (confirming.isSuccess) {
    return (
      <AlonePage title="Your email is confirmed" text={confirming.data.email}>
        <Link className="button button--main button--wide" to="/login" state={{ email: confirming.data.email }}>
          Sign in
        </Link>
      </AlonePage>
    );
  }
  if (confirming.isError && !(confirming.error instanceof ApiError && confirming.error.status === 422)) {
    return (
      <AlonePage title="Not confirmed yet" text={messageOf(confirming.error)}>
        <Button type="button" look="main" className="button--wide" onClick={() => mutate()}>
          Try again
        </Button>
      </AlonePage>
    );
  }
  if (confirming.isError || token === '') return <AskAgain />;
  return (
    <AlonePage title="Confirming your email">
      <Spinner label="One moment…" />
    </AlonePage>
  );
}

function AskAgain() {
  const asking = useMutation({
    mutationFn: (email: string) => askOpenly<LetterAnswer>('/auth/resend-verification', { method: 'POST', body: { email } }),
  });
  if (asking.isSuccess) {
    return (
      <LetterSent
        title="Confirm your email"
        email={asking.variables}
        letter={asking.data.letter}
        text="If an account waits for it, the link is on its way."
        again="/auth/resend-verification"
      />
    );
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    asking.mutate(String(new FormData(event.currentTarget).get('email')).trim());
  };
  return (
    <AlonePage title="This link has ended" text="It was used, or is older than a day. Let us send you a new one.">
      <form className="form" onSubmit={submit}>
        {asking.isError && <Notice tone="bad">{messageOf(asking.error)}</Notice>}
        <Field label="Email">{(control) => <input {...control} name="email" type="email" autoComplete="username" required autoFocus />}</Field>
        <Button type="submit" look="main" className="button--wide" disabled={asking.isPending}>
          Send a new link
        </Button>
        <Link className="small" to="/login">
          Back to sign in
        </Link>
      </form>
    </AlonePage>
  );
}
