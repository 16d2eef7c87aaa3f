// Small facts of the world, as React sees them.

import { useEffect, useState, useSyncExternalStore } from 'react';

/** The wall clock, renewed every so often; null: read once a render. */
export function useNow(everyMs: number | null): number {
  const [, tick] = useState(0);
  useEffect(() => {
    if (everyMs === null) return;
    const timer = setInterval(() => tick((count) => count + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Date.now();
}

export function useOnline(): boolean {
  return useSyncExternalStore(onConnectivity, () => navigator.onLine);
}

function onConnectivity(listener: () => void): () => void {
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}
