// What goes into OBS: server, key, and the settings that suit this server.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, messageOf } from '../api/error';
import type { FreshStreamKey, StreamKey } from '../api/types';
import { api } from '../auth/account';
import { Eye, EyeOff, Turn } from '../ui/icons';
import { Button, Confirm, CopyButton, Notice, Spinner } from '../ui/parts';

export function ObsCard({ course }: { course: string }) {
  const path = `/courses/${encodeURIComponent(course)}/stream-key`;
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const key = useQuery({
    queryKey: ['stream-key', course],
    queryFn: () => api<StreamKey | null>(path).catch(noKeyYet),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const rotating = useMutation({
    mutationFn: () => api<FreshStreamKey>(`${path}/rotate`, { method: 'POST', body: {} }),
    onSuccess: () => {
      setAsks(false);
      void queries.invalidateQueries({ queryKey: ['stream-key', course] });
    },
  });
  const fresh = rotating.data ?? null;
  const server = fresh?.server_url ?? key.data?.server_url ?? null;
  const hasKey = fresh !== null || (key.data ?? null) !== null;

  return (
    <section className="card" aria-labelledby="obs">
      <header>
        <h2 id="obs">Connect OBS</h2>
      </header>
      {key.isPending && <Spinner label="Loading…" />}
      {key.isError && <Notice tone="bad">{messageOf(key.error)}</Notice>}
      {key.isSuccess && (
        <div className="form">
          <p className="small muted">In OBS: Settings › Stream › Service “Custom…”. Then paste these two.</p>
          {server !== null && <Secretless label="Server" value={server} />}
          {fresh ? <FreshKey value={fresh.stream_key} /> : key.data && <Masked value={key.data.masked} />}
          <div>
            <Button type="button" className="button--small" onClick={() => (hasKey ? setAsks(true) : rotating.mutate())}>
              <Turn />
              {hasKey ? 'Make a new key' : 'Make a key'}
            </Button>
          </div>
          {rotating.isError && !asks && <Notice tone="bad">{messageOf(rotating.error)}</Notice>}
        </div>
      )}
      {asks && (
        <Confirm
          title="Make a new stream key?"
          text="The present key opens no new connection from then on. An encoder that is streaming now goes on until it disconnects; then it needs the new key."
          action={rotating.isPending ? 'Making…' : 'Make a new key'}
          danger
          busy={rotating.isPending}
          error={rotating.isError ? messageOf(rotating.error) : null}
          onConfirm={() => rotating.mutate()}
          onClose={() => setAsks(false)}
        />
      )}
    </section>
  );
}

function Secretless({ label, value }: { label: string; value: string }) {
  return (
    <div className="paste">
      <span className="paste__label">{label}</span>
      <CopyButton text={value} what={label.toLowerCase()} />
      <code className="paste__value">{value}</code>
    </div>
  );
}

function Masked({ value }: { value: string }) {
  return (
    <div className="paste">
      <span className="paste__label">Stream key</span>
      <code className="paste__value">{value}</code>
      <p className="paste__note small muted">A key is shown once, when it is made. If OBS does not have it, make a new one.</p>
    </div>
  );
}

function FreshKey({ value }: { value: string }) {
  const [isShown, setIsShown] = useState(false);
  return (
    <div className="paste paste--fresh">
      <span className="paste__label">Stream key</span>
      <code className="paste__value">{isShown ? value : '•'.repeat(24)}</code>
      <div className="row">
        <CopyButton text={value} what="stream key" />
        <Button type="button" className="button--small" aria-pressed={isShown} onClick={() => setIsShown(!isShown)}>
          {isShown ? <EyeOff /> : <Eye />}
          {isShown ? 'Hide' : 'Show'}
        </Button>
      </div>
      <p className="paste__note small">
        <strong>Copy it into OBS now.</strong> It is shown this once. Whoever has it can stream in your name.
      </p>
    </div>
  );
}

function noKeyYet(thrown: unknown): null {
  if (thrown instanceof ApiError && thrown.status === 404) return null;
  throw thrown;
}

const OBS_SETTINGS: ReadonlyArray<[where: string, what: string]> = [
  ['Video encoder', 'H.264 (x264 or hardware)'],
  ['Rate control', 'CBR'],
  ['Video bitrate', '2000–2500 kb/s'],
  ['Keyframe interval', '2 s'],
  ['Audio', 'AAC, 128 kb/s'],
  ['Picture', '1280 × 720, 30 fps'],
];

export function ObsAdvice() {
  return (
    <section className="card" aria-labelledby="advice">
      <header>
        <h2 id="advice">What to set in OBS</h2>
        <span className="muted small">Settings › Output, advanced</span>
      </header>
      <dl className="pairs">
        {OBS_SETTINGS.map(([where, what]) => (
          <div key={where}>
            <dt>{where}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="small muted pairs__note">
        The keyframe interval matters most. Left on automatic, OBS sends a keyframe every eight seconds or so, and your own
        picture cannot be passed on as it is.
      </p>
    </section>
  );
}
