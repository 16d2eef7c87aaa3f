import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect } from 'react';
import { Navigate, useSearchParams } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice } from '../ui/parts';
import { logIn } from './account';
import { safeNext } from './next';
import { useAccount } from './use-account';

export function LoginPage() {
  const account = useAccount();
  const [search] = useSearchParams();
  const next = safeNext(search.get('next'));
  const entering = useMutation({ mutationFn: (form: { email: string; password: string }) => logIn(form.email, form.password) });
  const setup = useQuery({ queryKey: ['setup'], queryFn: () => askOpenly<{ needed: boolean }>('/setup'), retry: false });
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
        {entering.isError && <Notice tone="bad">{wordsFor(entering.error)}</Notice>}
        <Field label="Email">
          {(control) => <input {...control} name="email" type="email" autoComplete="username" required autoFocus />}
        </Field>
        <Field label="Password">
          {(control) => <input {...control} name="password" type="password" autoComplete="current-password" required />}
        </Field>
        <Button type="submit" look="main" className="button--wide" disabled={entering.isPending}>
          {entering.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </AlonePage>
  );
}

function wordsFor(error: unknown): string {
  const refused = error instanceof ApiError && (error.status === 401 || error.status === 400);
  return refused ? 'Email and password do not match. Check both and try again.' : messageOf(error);
}
