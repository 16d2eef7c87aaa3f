// Where an invite link leads. The code stands behind the #, so that no server writes it down.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useLocation, useNavigate } from 'react-router';
import { messageOf } from '../api/error';
import type { Invitation } from '../api/course-types';
import { api } from '../auth/account';
import { Gate } from '../auth/gate';
import { Button, Notice, Spinner } from '../ui/parts';
import { AlonePage } from '../ui/shell';
import { invitedCode } from './invited';

export function JoinPage() {
  const { hash } = useLocation();
  // Kept before the gate, which may lead over the log-in page and lose what stands behind the #.
  const code = invitedCode(hash);
  return <Gate>{() => <Invited code={code} />}</Gate>;
}

function Invited({ code }: { code: string }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const invitation = useQuery({
    queryKey: ['invitation', code],
    queryFn: () => api<Invitation>('/invites/look', { method: 'POST', body: { code } }),
    enabled: code !== '',
  });
  const joining = useMutation({
    mutationFn: () => api('/invites/redeem', { method: 'POST', body: { code } }),
    onSuccess: async () => {
      await queries.invalidateQueries();
      if (invitation.data) navigate(`/courses/${invitation.data.course_id}`, { replace: true });
    },
  });
  if (code === '' || invitation.isError) {
    return (
      <AlonePage title="This invite does not work" text={code === '' ? 'The link is not complete. Copy the whole of it.' : messageOf(invitation.error)}>
        <Link className="button" to="/courses">
          All courses
        </Link>
      </AlonePage>
    );
  }
  if (!invitation.data) {
    return (
      <main className="alone">
        <Spinner label="Looking at your invite…" />
      </main>
    );
  }
  const { title, teacher_name: teacher, description, batch_title: batch } = invitation.data;
  return (
    <AlonePage title={title} text={`${teacher} invites you${batch ? ` to ${batch}` : ''}.`}>
      <div className="form">
        {description && <p>{description}</p>}
        {joining.isError && <Notice tone="bad">{messageOf(joining.error)}</Notice>}
        <Button type="button" look="main" className="button--wide" disabled={joining.isPending} onClick={() => joining.mutate()}>
          Join this course
        </Button>
        <Link className="button button--plain" to="/">
          Not now
        </Link>
      </div>
    </AlonePage>
  );
}
