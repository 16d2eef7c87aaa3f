// Lets in whoever is signed in; sends others to the log-in page and back afterwards.

import type { ReactNode } from 'react';
import { Navigate, useLocation } from 'react-router';
import type { User } from '../api/types';
import { AlonePage } from '../ui/shell';
import { Spinner } from '../ui/parts';
import { logInPath } from './next';
import { useAccount } from './use-account';

export function Gate({ children }: { children: (user: User) => ReactNode }) {
  const account = useAccount();
  const { pathname, search } = useLocation();
  switch (account.kind) {
    case 'unknown':
      return (
        <main className="alone">
          <Spinner label="Loading…" />
        </main>
      );
    case 'unreachable':
      return <UnreachablePage />;
    case 'signed-out':
      return <Navigate to={logInPath(pathname + search)} replace />;
    case 'signed-in':
      return children(account.user);
  }
}

export function UnreachablePage() {
  return (
    <AlonePage title="The server cannot be reached" text="Check your connection. This page goes on by itself as soon as there is an answer.">
      <Spinner label="Trying again…" />
    </AlonePage>
  );
}
