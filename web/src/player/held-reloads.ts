// Who of a browser's tabs may let the server hold playlist reloads. Over HTTP/1.1 a browser opens six connections to a
// host, for all its tabs together; a player that follows the live edge has two of them held all the time. A third such
// tab would leave none for media and API. So one tab holds, the best placed one, and the others poll.
//
// Tabs tell each other over a BroadcastChannel that they are there (Web Locks exist only in secure contexts, which a
// page on plain HTTP is not). Each ranks itself among those it heard of: no election, and nothing to lose.

/** Connections that a browser opens to one host over HTTP/1.1. */
const CONNECTIONS = 6;
/** One player has its video's and its audio's reload held. */
const HELD_BY_ONE = 2;
/** Left for parts, API and whatever else the pages do. */
const SPARE = 3;
const HOLDERS_MAX = Math.floor((CONNECTIONS - SPARE) / HELD_BY_ONE);

const TELL_EVERY_MS = 1_000;
/** Timers of hidden pages run once a second: a tab that was silent for this long is gone. */
const GONE_AFTER_MS = 3_500;

export interface Presence {
  id: string;
  /** When its player began, in milliseconds since 1970. */
  since: number;
  visible: boolean;
  /** Its player is gone: nobody need wait for its silence. */
  left?: boolean;
}

/** The place of one tab among all. Knows no browser: what it hears and what time it is comes in. */
export class Ranking {
  #others = new Map<string, { presence: Presence; heardAt: number }>();

  constructor(readonly own: Presence) {}

  /** True when somebody is new here, who does not know us yet. */
  hear(presence: Presence, now: number): boolean {
    if (presence.id === this.own.id) return false;
    if (presence.left) {
      this.#others.delete(presence.id);
      return false;
    }
    const isNew = !this.#others.has(presence.id);
    this.#others.set(presence.id, { presence, heardAt: now });
    return isNew;
  }

  mayHold(now: number): boolean {
    let before = 0;
    for (const [id, { presence, heardAt }] of this.#others) {
      if (now - heardAt > GONE_AFTER_MS) this.#others.delete(id);
      else if (comesBefore(presence, this.own)) before += 1;
    }
    return before < HOLDERS_MAX;
  }
}

/** Whom somebody looks at comes first, then who was first. */
function comesBefore(one: Presence, other: Presence): boolean {
  if (one.visible !== other.visible) return one.visible;
  if (one.since !== other.since) return one.since < other.since;
  return one.id < other.id;
}

/** Asked before each reload. */
export interface HoldPolicy {
  mayHold(url: string): boolean;
}

/** This tab's player among those of all tabs of this browser. */
export class HeldReloads implements HoldPolicy {
  #ranking: Ranking;
  #channel: BroadcastChannel | null;
  #timer: number;
  #aborted = new AbortController();

  constructor() {
    const own = { id: randomId(), since: Date.now(), visible: isVisible() };
    this.#ranking = new Ranking(own);
    this.#channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('lectern-held-reloads');
    this.#channel?.addEventListener('message', ({ data }: MessageEvent<Presence>) => {
      if (this.#ranking.hear(data, performance.now())) this.#tell();
    });
    const { signal } = this.#aborted;
    document.addEventListener('visibilitychange', () => this.#tell(), { signal });
    window.addEventListener('pagehide', () => this.#tell(true), { signal });
    this.#timer = window.setInterval(() => this.#tell(), TELL_EVERY_MS);
    this.#tell();
  }

  mayHold(url: string): boolean {
    return !isScarce(url) || this.#ranking.mayHold(performance.now());
  }

  destroy(): void {
    this.#aborted.abort();
    clearInterval(this.#timer);
    this.#tell(true);
    this.#channel?.close();
    this.#channel = null;
  }

  #tell(left = false): void {
    this.#ranking.own.visible = isVisible();
    this.#channel?.postMessage({ ...this.#ranking.own, left });
  }
}

function isVisible(): boolean {
  return document.visibilityState === 'visible';
}

/** Only to be told apart; crypto.randomUUID exists in secure contexts alone. */
function randomId(): string {
  return Math.random().toString(36).slice(2);
}

/** Whether connections to this URL's host are few. Browsers speak HTTP/2 over TLS only. */
function isScarce(url: string): boolean {
  const absolute = new URL(url, location.href);
  if (absolute.protocol === 'http:') return true;
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const last = entries.findLast((entry) => entry.name.startsWith(absolute.origin) && entry.nextHopProtocol !== '');
  return last?.nextHopProtocol === 'http/1.1';
}
