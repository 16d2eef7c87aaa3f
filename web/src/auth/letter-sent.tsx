// What is said when a letter is on its way: the same for every address.

import { useMutation } from '@tanstack/react-query';
import { Link } from 'react-router';
import { askOpenly } from '../api/client';
import { messageOf } from '../api/error';
import type { LetterAnswer } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Button, Notice } from '../ui/parts';

export function LetterSent({
  title,
  email,
  letter,
  text,
  again,
}: {
  title: string;
  email: string;
  letter: LetterAnswer['letter'];
  text: string;
  again: string;
}) {
  const repeating = useMutation({ mutationFn: () => askOpenly<LetterAnswer>(again, { method: 'POST', body: { email } }) });
  if (letter === 'held') {
    return (
      <AlonePage title={title} text="This server sends no email. Ask your school for the link: its administrator can see it.">
        <Link className="button button--wide" to="/login">
          Back to sign in
        </Link>
      </AlonePage>
    );
  }
  return (
    <AlonePage
      title={title}
      text={
        <>
          We have written to <strong>{email}</strong>. {text}
        </>
      }
    >
      <div className="form">
        {repeating.isError && <Notice tone="bad">{messageOf(repeating.error)}</Notice>}
        {repeating.isSuccess ? (
          <Notice tone="good">Sent again. It can take some minutes.</Notice>
        ) : (
          <p className="small muted">Nothing there? Look in the spam folder, and whether the address is right.</p>
        )}
        <Button type="button" className="button--wide" disabled={repeating.isPending || repeating.isSuccess} onClick={() => repeating.mutate()}>
          Send it again
        </Button>
        <Link className="small" to="/login">
          Back to sign in
        </Link>
      </div>
    </AlonePage>
  );
}
