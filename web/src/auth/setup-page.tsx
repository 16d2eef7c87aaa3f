import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { askOpenly } from '../api/client';
import { ApiError, messageOf } from '../api/error';
import { AlonePage } from '../ui/shell';
import { Button, Field, Notice } from '../ui/parts';
import { type FirstAdmin, setUp } from './account';

const PASSWORD_LENGTH_MIN = 12;

export function SetupPage() {
  const [search] = useSearchParams();
  const token = search.get('token') ?? '';
  const navigate = useNavigate();
  const [tooShort, setTooShort] = useState(false);
  const setup = useQuery({ queryKey: ['setup'], queryFn: () => askOpenly<{ needed: boolean }>('/setup'), retry: false });
  const making = useMutation({
    mutationFn: (admin: FirstAdmin) => setUp(admin),
    onSuccess: () => navigate('/', { replace: true }),
  });

  if (setup.data?.needed === false && !making.isPending) {
    return (
      <AlonePage title="Already set up" text="The first account was made before. This link works once.">
        <Link className="button button--main" to="/login">
          Sign in
        </Link>
      </AlonePage>
    );
  }
  if (token === '') {
    return (
      <AlonePage
        title="The link is incomplete"
        text="Open the whole set-up link that the server printed when it started. It ends in ?token= and some letters."
      />
    );
  }

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = String(form.get('password'));
    setTooShort(password.length < PASSWORD_LENGTH_MIN);
    if (password.length < PASSWORD_LENGTH_MIN) return;
    making.mutate({
      token,
      password,
      email: String(form.get('email')).trim(),
      full_name: String(form.get('full_name')).trim(),
    });
  };
  const fields = making.error instanceof ApiError ? making.error.fields : {};

  return (
    <AlonePage title="Welcome to Lectern" text="Make the first account. It administers this server.">
      <form className="form" onSubmit={submit}>
        {making.isError && <Notice tone="bad">{messageOf(making.error)}</Notice>}
        <Field label="Full name" errors={fields.full_name}>
          {(control) => <input {...control} name="full_name" autoComplete="name" required autoFocus />}
        </Field>
        <Field label="Email" errors={fields.email}>
          {(control) => <input {...control} name="email" type="email" autoComplete="username" required />}
        </Field>
        <Field
          label="Password"
          hint={`At least ${PASSWORD_LENGTH_MIN} characters. A sentence is easier to remember than signs.`}
          errors={tooShort ? ['This password is too short.'] : fields.password}
        >
          {(control) => (
            <input {...control} name="password" type="password" autoComplete="new-password" required minLength={PASSWORD_LENGTH_MIN} />
          )}
        </Field>
        <Button type="submit" look="main" className="button--wide" disabled={making.isPending}>
          {making.isPending ? 'Setting up…' : 'Set up'}
        </Button>
      </form>
    </AlonePage>
  );
}
