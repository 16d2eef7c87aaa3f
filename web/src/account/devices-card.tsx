import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { messageOf } from '../api/error';
import type { Device } from '../api/types';
import { api, logOutEverywhere } from '../auth/account';
import { Button, Confirm, Notice, Spinner } from '../ui/parts';
import { dayAndTime } from '../ui/time';

export function DevicesCard() {
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const devices = useQuery({ queryKey: ['devices'], queryFn: () => api<Device[]>('/auth/devices') });
  const ending = useMutation({
    mutationFn: (id: string) => api<void>(`/auth/devices/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['devices'] }),
  });
  const leaving = useMutation({ mutationFn: logOutEverywhere });
  return (
    <section className="card" aria-labelledby="devices">
      <header>
        <h2 id="devices">Where you are signed in</h2>
      </header>
      {devices.isPending && <Spinner label="Loading…" />}
      {devices.isError && <Notice tone="bad">{messageOf(devices.error)}</Notice>}
      {ending.isError && <Notice tone="bad">{messageOf(ending.error)}</Notice>}
      <ul className="devices">
        {devices.data?.map((device) => (
          <li key={device.id}>
            <div>
              <strong>{device.name}</strong> {device.current && <span className="tag tag--good">This device</span>}
              <p className="small muted">
                Last seen: {dayAndTime(Date.parse(device.last_seen_at), Date.now())}
                {device.address && ` · ${device.address}`}
              </p>
            </div>
            {!device.current && (
              <Button type="button" className="button--small" disabled={ending.isPending} onClick={() => ending.mutate(device.id)}>
                Sign out<span className="visually-hidden"> {device.name}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      <div>
        <Button type="button" look="danger" className="button--small" onClick={() => setAsks(true)}>
          Sign out everywhere
        </Button>
      </div>
      {asks && (
        <Confirm
          title="Sign out everywhere?"
          text="You are signed out on all devices, on this one too, and sign in again with your password."
          action="Sign out everywhere"
          danger
          busy={leaving.isPending}
          error={leaving.isError ? messageOf(leaving.error) : null}
          onConfirm={() => leaving.mutate()}
          onClose={() => setAsks(false)}
        />
      )}
    </section>
  );
}
