// The secret of a link in a letter: read once, then taken out of the address bar and of the history.

import { useEffect, useState } from 'react';

export function useLinkSecret(): string {
  const [secret] = useState(() => new URLSearchParams(location.search).get('token') ?? '');
  useEffect(() => {
    if (secret !== '') history.replaceState(history.state, '', location.pathname);
  }, [secret]);
  return secret;
}
