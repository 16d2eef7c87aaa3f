// A reload that the server would hold, without its holding: the playlist is asked for again and again until it has
// what was waited for. To hls.js it looks the same.

/** What `_HLS_msn` and `_HLS_part` wait for. */
export interface Awaited {
  msn: number;
  /** None: the whole segment. */
  part: number | null;
}

/** Half a part's length: a part is seen an eighth of a second late on average, which the player's buffer bears. */
export const POLL_MS = 250;
/** hls.js gives a held reload about three seconds; what there is by then is the answer. */
export const POLLS_MAX = 12;

/** What a URL waits for; none when it waits for nothing. */
export function awaitedBy(url: string): Awaited | null {
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  const msn = query.get('_HLS_msn');
  if (msn === null) return null;
  const part = query.get('_HLS_part');
  return { msn: Number(msn), part: part === null ? null : Number(part) };
}

/** The URL of the playlist as it stands, delta updates as before. */
export function withoutWaiting(url: string): string {
  const [path, query] = url.split('?');
  const rest = (query ?? '').split('&').filter((one) => !/^_HLS_(msn|part)=/.test(one));
  return rest.join('') === '' ? path! : `${path}?${rest.join('&')}`;
}

/** Whether a playlist has what was waited for, or never will have more. */
export function has(playlist: string, awaited: Awaited): boolean {
  let msn = 0;
  let parts = 0;
  for (const line of playlist.split('\n')) {
    if (line.startsWith('#EXT-X-MEDIA-SEQUENCE:')) msn += Number(line.slice(22));
    else if (line.startsWith('#EXT-X-SKIP:')) msn += Number(/SKIPPED-SEGMENTS=(\d+)/.exec(line)?.[1] ?? 0);
    else if (line.startsWith('#EXT-X-PART:')) parts += 1;
    else if (line.startsWith('#EXT-X-ENDLIST')) return true;
    else if (line !== '' && !line.startsWith('#')) {
      msn += 1;
      parts = 0;
    }
  }
  // `msn` is now the number of the segment in the making, of which `parts` are listed.
  return msn > awaited.msn || (msn === awaited.msn && awaited.part !== null && parts > awaited.part);
}
