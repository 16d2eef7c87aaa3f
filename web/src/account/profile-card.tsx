import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { ApiError, messageOf } from '../api/error';
import type { Profile } from '../api/types';
import { api, renamed } from '../auth/account';
import { Button, Field, Notice, Spinner } from '../ui/parts';
import { timeZones } from './time-zones';

const BIO_LENGTH_MAX = 2000;
const NAME_LENGTH_MAX = 120;

export function ProfileCard() {
  const queries = useQueryClient();
  const profile = useQuery({ queryKey: ['profile'], queryFn: () => api<Profile>('/auth/profile') });
  const saving = useMutation({
    mutationFn: (change: Partial<Profile>) => api<Profile>('/auth/profile', { method: 'PATCH', body: change }),
    onSuccess: (saved) => {
      queries.setQueryData(['profile'], saved);
      renamed(saved.full_name);
    },
  });
  const fields = saving.error instanceof ApiError ? saving.error.fields : {};
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    saving.mutate({
      full_name: String(form.get('full_name')).trim(),
      locale: String(form.get('locale')),
      time_zone: String(form.get('time_zone')),
      bio: String(form.get('bio')).trim(),
    });
  };
  return (
    <section className="card" aria-labelledby="profile">
      <header>
        <h2 id="profile">Profile</h2>
      </header>
      {profile.isPending && <Spinner label="Loading…" />}
      {profile.isError && <Notice tone="bad">{messageOf(profile.error)}</Notice>}
      {profile.isSuccess && (
        <form className="form" onSubmit={submit} onChange={() => saving.reset()}>
          {saving.isError && Object.keys(fields).length === 0 && <Notice tone="bad">{messageOf(saving.error)}</Notice>}
          <Field label="Full name" errors={fields.full_name}>
            {(control) => (
              <input {...control} name="full_name" autoComplete="name" required maxLength={NAME_LENGTH_MAX} defaultValue={profile.data.full_name} />
            )}
          </Field>
          <div className="two">
            <Field label="Language of emails" errors={fields.locale}>
              {(control) => (
                <select {...control} name="locale" defaultValue={profile.data.locale}>
                  <option value="en">English</option>
                  <option value="vi">Tiếng Việt</option>
                </select>
              )}
            </Field>
            <Field label="Time zone" errors={fields.time_zone}>
              {(control) => (
                <select {...control} name="time_zone" defaultValue={profile.data.time_zone}>
                  {timeZones(profile.data.time_zone).map((zone) => (
                    <option key={zone} value={zone}>
                      {zone.replaceAll('_', ' ')}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </div>
          <Field label="About me" hint="Optional. A line or two." errors={fields.bio}>
            {(control) => <textarea {...control} name="bio" rows={3} maxLength={BIO_LENGTH_MAX} defaultValue={profile.data.bio} />}
          </Field>
          <div className="row">
            <Button type="submit" look="main" disabled={saving.isPending}>
              {saving.isPending ? 'Saving…' : 'Save'}
            </Button>
            <span role="status" className="small muted">
              {saving.isSuccess ? 'Saved.' : ''}
            </span>
          </div>
        </form>
      )}
    </section>
  );
}
