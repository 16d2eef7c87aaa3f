// Go live and end, each with a question before it.

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { messageOf } from '../api/error';
import type { Course, LiveStatus } from '../api/types';
import { api } from '../auth/account';
import { Button, Confirm, Field } from '../ui/parts';

const TITLE_LENGTH_MAX = 200;

export function LiveControls({ course, status }: { course: Course; status: LiveStatus }) {
  const [asks, setAsks] = useState<'start' | 'end' | null>(null);
  const isOnAir = status.state === 'live' || status.state === 'interrupted';
  const close = () => setAsks(null);
  return (
    <div>
      {isOnAir ? (
        <Button type="button" look="danger" onClick={() => setAsks('end')}>
          End lecture
        </Button>
      ) : (
        <Button type="button" look="main" onClick={() => setAsks('start')}>
          Go live
        </Button>
      )}
      {asks === 'start' && <Start course={course} status={status} onClose={close} />}
      {asks === 'end' && <End course={course} status={status} onClose={close} />}
    </div>
  );
}

function Start({ course, status, onClose }: { course: Course; status: LiveStatus; onClose: () => void }) {
  const [title, setTitle] = useState('');
  const starting = useVerb(course.id, 'start-live', title.trim() === '' ? {} : { title: title.trim() }, onClose);
  return (
    <Confirm
      title="Go live?"
      text={
        status.publishing
          ? 'From the next keyframe on, enrolled students see and hear you, and the lecture is recorded.'
          : 'OBS is not connected yet. Students will wait until your picture arrives.'
      }
      action={starting.isPending ? 'Going live…' : 'Go live'}
      busy={starting.isPending}
      error={starting.isError ? messageOf(starting.error) : null}
      onConfirm={() => starting.mutate()}
      onClose={onClose}
    >
      <Field label="Title" hint="Optional. A session that is scheduled now keeps its own.">
        {(control) => (
          <input
            {...control}
            value={title}
            maxLength={TITLE_LENGTH_MAX}
            placeholder={status.session?.title ?? course.title}
            onChange={(event) => setTitle(event.target.value)}
          />
        )}
      </Field>
    </Confirm>
  );
}

function End({ course, status, onClose }: { course: Course; status: LiveStatus; onClose: () => void }) {
  const ending = useVerb(course.id, 'end-live', {}, onClose);
  return (
    <Confirm
      title="End the lecture?"
      text={
        <>
          {status.viewers > 0 ? `It ends for the ${status.viewers} watching and cannot be continued. ` : 'It cannot be continued afterwards. '}
          {status.session?.kind !== 'ad_hoc' && 'For a break, stop OBS instead and start it again later.'}
        </>
      }
      action={ending.isPending ? 'Ending…' : 'End lecture'}
      danger
      busy={ending.isPending}
      error={ending.isError ? messageOf(ending.error) : null}
      onConfirm={() => ending.mutate()}
      onClose={onClose}
    />
  );
}

function useVerb(course: string, verb: 'start-live' | 'end-live', body: object, onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => api(`/courses/${encodeURIComponent(course)}/${verb}`, { method: 'POST', body }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['live-status', course] });
      void queries.invalidateQueries({ queryKey: ['sessions'] });
      onDone();
    },
  });
}
