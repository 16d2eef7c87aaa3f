// The account as React sees it.

import { useEffect, useSyncExternalStore } from 'react';
import { type Account, currentAccount, refresh, subscribe } from './account';

const RETRY_MS = 3_000;

export function useAccount(): Account {
  const account = useSyncExternalStore(subscribe, currentAccount);
  useEffect(() => {
    if (account.kind === 'unknown') void refresh();
    if (account.kind !== 'unreachable') return;
    const timer = setInterval(() => void refresh(), RETRY_MS);
    return () => clearInterval(timer);
  }, [account.kind]);
  return account;
}
