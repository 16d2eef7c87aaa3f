// The code of an invite link, kept over a log-in that comes in between.

const KEY = 'lectern-invite';

/** The code behind the #; without one, that of the link which was opened in this tab. */
export function invitedCode(hash: string, store: Pick<Storage, 'getItem' | 'setItem'> | null = tabStore()): string {
  const code = hash.replace(/^#/, '');
  if (/^[\w-]{8,64}$/.test(code)) {
    store?.setItem(KEY, code);
    return code;
  }
  return store?.getItem(KEY) ?? '';
}

/** Closed to pages in some private windows. */
function tabStore(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
