import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect } from 'react';
import { Link, Navigate, useLocation, useSearchParams } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import type { LetterAnswer, Options } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice } from '../ui/parts';
import { logIn } from './account';
import { safeNext } from './next';
import { useAccount } from './use-account';

export function LoginPage() {
  const account = useAccount();
  const [search] = useSearchParams();
  const { state } = useLocation() as { state: { email?: string } | null };
  const next = safeNext(search.get('next'));
  const entering = useMutation({ mutationFn: (form: { email: string; password: string }) => logIn(form.email, form.password) });
  const setup = useQuery({ queryKey: ['setup'], queryFn: () => askOpenly<{ needed: boolean }>('/setup'), retry: false });
  const options = useQuery({ queryKey: ['options'], queryFn: () => askOpenly<Options>('/auth/options'), retry: false });
  const failed = entering.isError;
  useEffect(() => {
    if (failed) document.querySelector<HTMLInputElement>('input[name=password]')?.select();
  }, [failed]);

  if (account.kind === 'signed-in') return <Navigate to={next} replace />;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    entering.mutate({ email: String(form.get('email')).trim(), password: String(form.get('password')) });
  };

  return (
    <AlonePage title="Sign in" text={next.startsWith('/watch/') ? 'to join the lecture.' : 'to see your lectures.'}>
      <form className="form" onSubmit={submit}>
        {setup.data?.needed && (
          <Notice tone="warn" title="No account exists yet">
            Open the set-up link that the server printed when it started, to make the first one.
          </Notice>
        )}
        {entering.isError &&
          (isUnconfirmed(entering.error) ? (
            <Unconfirmed email={entering.variables.email} />
          ) : (
            <Notice tone="bad">{wordsFor(entering.error)}</Notice>
          ))}
        <Field label="Email">
          {(control) => <input {...control} name="email" type="email" autoComplete="username" defaultValue={state?.email ?? ''} required autoFocus={!state?.email} />}
        </Field>
        <Field label="Password">
          {(control) => <input {...control} name="password" type="password" autoComplete="current-password" required autoFocus={!!state?.email} />}
        </Field>
        <Button type="submit" look="main" className="button--wide" disabled={entering.isPending}>
          {entering.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
        <p className="row small">
          <Link to="/forgot-password">Forgotten your password?</Link>
          {options.data?.registration && <Link to="/register">Create an account</Link>}
        </p>
      </form>
    </AlonePage>
  );
}

/** The password was right; the address is not confirmed yet. */
function Unconfirmed({ email }: { email: string }) {
  const sending = useMutation({
    mutationFn: () => askOpenly<LetterAnswer>('/auth/resend-verification', { method: 'POST', body: { email } }),
  });
  return (
    <Notice tone="warn" title="Confirm your email first">
      Open the link in the email we sent you.{' '}
      {sending.isSuccess ? (
        sending.data.letter === 'sent' ? 'It is sent again.' : 'This server sends no email: ask your school for the link.'
      ) : (
        <button type="button" className="button button--small" disabled={sending.isPending} onClick={() => sending.mutate()}>
          Send it again
        </button>
      )}
      {sending.isError && ` ${messageOf(sending.error)}`}
    </Notice>
  );
}

function isUnconfirmed(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'EMAIL_NOT_VERIFIED';
}

function wordsFor(error: unknown): string {
  const refused = error instanceof ApiError && (error.status === 401 || error.status === 400);
  return refused ? 'Email and password do not match. Check both and try again.' : messageOf(error);
}
