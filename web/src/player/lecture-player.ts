// The player: hls.js and a video element, joined to the decisions of this folder. Draws nothing.
//
// Its state is a snapshot that changes as a whole; the page subscribes to it.

import Hls, { ErrorTypes, Events, type ErrorData, type HlsConfig, type LevelDetails } from 'hls.js';
import workerPath from 'hls.js/dist/hls.worker.js?url';
import { HeldReloads } from './held-reloads';
import { type Deed, follows, latencySettings } from './live-edge';
import { type QualityChoice, qualityChoices, qualityName } from './quality';
import { cureFor, type Failure, waitMs } from './recovery';
import { type Remedy, StallWatchdog } from './stall-watchdog';
import { tokenLoader } from './token-loader';
import { type Grant, renewalWaitMs, TokenSource } from './token-source';

/** Tried at length on low-latency streams with 0.5 s parts: 1.6 s behind, no stalls. */
const SETTINGS: Partial<HlsConfig> = {
  lowLatencyMode: true,
  liveSyncOnStallIncrease: 0.5,
  backBufferLength: 30,
  maxMaxBufferLength: 60,
  // The marks of slates would become a text track of a data: URL, which our rules for pages forbid.
  enableDateRangeMetadataCues: false,
  workerPath,
};

const TICK_MS = 250;
/** After a short pause a following viewer jumps when he is later than this; else he catches up. */
const GO_LIVE_AFTER_S = 2;
/** After this long without a new error, errors are counted from one again. */
const STEADY_AFTER_MS = 5_000;
/**
 * Seeks stay this far after the beginning: audio begins a fraction of a frame later than video, and hls.js takes a
 * place before a playlist's first audio fragment for "not in this playlist" and loads the live edge.
 */
const AFTER_BEGINNING_S = 0.1;
/** A native player tells no latency; this far before the end of what it lists is live. */
const NATIVE_HOLD_BACK_S = 3;

export type Engine = 'web' | 'native' | 'none';
export type Quality = 'auto' | 'audio' | number;

export interface Snapshot {
  /** A picture (or sound) was played. */
  started: boolean;
  paused: boolean;
  /** Playing is wanted and does not happen. */
  stalled: boolean;
  playedOut: boolean;
  /** The playlist still grows. */
  live: boolean;
  following: boolean;
  behindS: number;
  positionS: number;
  canScrub: boolean;
  choices: QualityChoice[];
  quality: Quality;
  /** The name of the level that plays now. */
  levelName: string | null;
  hasAudioOnly: boolean;
  rate: number;
  /** The browser allowed playing without sound alone. */
  mutedByPolicy: boolean;
  /** The browser wants a click before it plays at all. */
  blocked: boolean;
  hasCaptions: boolean;
}

export const INITIAL: Snapshot = {
  started: false,
  paused: false,
  stalled: false,
  playedOut: false,
  live: true,
  following: true,
  behindS: 0,
  positionS: 0,
  canScrub: false,
  choices: [],
  quality: 'auto',
  levelName: null,
  hasAudioOnly: false,
  rate: 1,
  mutedByPolicy: false,
  blocked: false,
  hasCaptions: false,
};

/** What can play here. Native only where there is no Media Source at all. */
export function engineHere(video: HTMLVideoElement = document.createElement('video')): Engine {
  if (Hls.isSupported()) return 'web';
  return video.canPlayType('application/vnd.apple.mpegurl') === '' ? 'none' : 'native';
}

export class LecturePlayer {
  #snapshot = INITIAL;
  #listeners = new Set<() => void>();
  #hls: Hls | null = null;
  #grant: Grant | null = null;
  #tokens: TokenSource;
  #holds = new HeldReloads();
  #watchdog = new StallWatchdog();
  #excused = false;
  #attempt = 0;
  #lastErrorAt = 0;
  #resumeAt: Date | null = null;
  #isSwapping = false;
  /** Where the picture was before a seek. */
  #position = 0;
  /** A new player has not played yet: the old one's last picture, place and distance stand until it does. */
  #isFresh = false;
  #timers = { tick: 0, cure: 0, renewal: 0 };
  #aborted = new AbortController();

  constructor(
    readonly video: HTMLVideoElement,
    /** Asks for a grant; rejects when there is none, and is asked again. */
    private readonly askGrant: () => Promise<Grant>,
    private readonly engine: Engine = engineHere(video),
  ) {
    this.#tokens = new TokenSource(() => this.#renewedGrant(), () => performance.now());
    const signal = this.#aborted.signal;
    const on = (event: string, handle: () => void) => video.addEventListener(event, handle, { signal });
    on('playing', () => this.#plays());
    on('pause', () => this.#paused());
    on('play', () => this.#resumed());
    on('seeking', () => this.#sought());
    on('ended', () => this.#set({ playedOut: true }));
    on('volumechange', () => !video.muted && this.#set({ mutedByPolicy: false }));
    on('ratechange', () => !this.#snapshot.following && this.#set({ rate: video.playbackRate }));
    on('error', () => this.engine === 'native' && this.#failed('other'));
    window.addEventListener('online', () => this.retryNow(), { signal });
    this.#timers.tick = window.setInterval(() => this.#tick(), TICK_MS);
  }

  get hls(): Hls | null {
    return this.#hls;
  }

  snapshot = (): Snapshot => this.#snapshot;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Seconds behind the newest media the server has announced; NaN before there is any. */
  latency(): number {
    const { video } = this;
    const details = this.#details();
    // hls.latency is renewed as the picture moves; during a seek or a pause it is old.
    if (this.#hls) return (details ? details.edge + (details.live ? details.age : 0) : Number.NaN) - video.currentTime;
    const end = video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) : Number.NaN;
    return end - video.currentTime;
  }

  start(grant: Grant): void {
    this.#adopt(grant);
    this.#load();
  }

  /** Waiting is right for now: the teacher's connection or the network is known to be gone. */
  excuse(excused: boolean): void {
    this.#excused = excused;
  }

  /** The network or the server is back: whatever waits is tried at once. */
  retryNow(): void {
    if (this.#grant === null || (this.#timers.cure === 0 && !this.#watchdog.stalled)) return;
    clearTimeout(this.#timers.cure);
    this.#timers.cure = 0;
    this.#attempt = 0;
    this.#rebuild();
  }

  play(): void {
    void this.#play();
  }

  togglePlay(): void {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  unmute(): void {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 1;
    this.play();
  }

  goLive(): void {
    this.#deed({ kind: 'went-live' });
    const edge = this.#livePosition();
    if (edge !== null) this.video.currentTime = edge;
    this.play();
  }

  seekBy(seconds: number): void {
    this.#seekTo(this.video.currentTime + seconds);
  }

  /** To a share of the lecture so far. */
  seekToShare(share: number): void {
    const { seekable } = this.video;
    if (seekable.length === 0) return;
    const [start, end] = [seekable.start(0), seekable.end(seekable.length - 1)];
    this.#seekTo(start + (end - start) * share);
  }

  /**
   * Said before a seek is done. The `seeking` event comes later, and in between hls.js may have pulled a viewer whom it
   * takes for a following one to the edge again.
   */
  intendSeek(to: number): void {
    const edge = this.#livePosition();
    if (edge === null || !this.#snapshot.started) return;
    this.#deed({ kind: 'sought', lateS: edge - to, movedS: to - this.video.currentTime });
  }

  /** Watching back only: at the live edge the speed is hls.js's. */
  setRate(rate: number): void {
    if (this.#snapshot.following && this.#snapshot.live) return;
    this.video.playbackRate = rate;
    this.#set({ rate });
  }

  setQuality(quality: Quality): void {
    const before = this.#snapshot.quality;
    if (quality === before) return;
    this.#set({ quality });
    if (quality === 'audio' || before === 'audio') return this.#reload();
    if (this.#hls) this.#hls.nextLevel = quality === 'auto' ? -1 : quality;
  }

  destroy(): void {
    this.#aborted.abort();
    clearInterval(this.#timers.tick);
    clearTimeout(this.#timers.cure);
    clearTimeout(this.#timers.renewal);
    this.#drop();
    this.#holds.destroy();
    this.#listeners.clear();
  }

  #load(): void {
    if (this.engine === 'native') return this.#loadNative();
    const url = this.#url();
    if (url === null) return;
    const hls = new Hls({ ...SETTINGS, loader: tokenLoader(Hls.DefaultConfig.loader, this.#tokens, this.#holds) });
    // Not in the constructor: there hls.js refuses it without a liveSyncDuration, and the server's hold-back is right.
    Object.assign(hls.config, latencySettings(this.#snapshot.following));
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => this.#parsed(hls));
    hls.on(Events.LEVEL_LOADED, (_, { details }) => this.#resume(details));
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => this.#set({ levelName: this.#nameOf(level) }));
    hls.on(Events.ERROR, (_, error) => error.fatal && this.#failed(failureOf(error)));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  #loadNative(): void {
    const url = this.#url();
    if (url === null) return;
    this.video.src = url;
    this.play();
  }

  #parsed(hls: Hls): void {
    if (this.#snapshot.quality !== 'audio') {
      const choices = qualityChoices(hls.levels);
      this.#set({ choices });
      const { quality } = this.#snapshot;
      if (typeof quality === 'number' && quality < hls.levels.length) hls.loadLevel = quality;
    }
    if (!this.#snapshot.paused) this.play();
  }

  /** After a new player while watching back: to the same moment, which only the wall clock names surely. */
  #resume(details: LevelDetails): void {
    const at = this.#resumeAt?.getTime();
    this.#resumeAt = null;
    if (at === undefined) return;
    const fragment = details.fragments.findLast((one) => one.programDateTime !== null && one.programDateTime <= at);
    if (!fragment?.programDateTime) return;
    this.video.currentTime = fragment.start + (at - fragment.programDateTime) / 1000;
  }

  #plays(): void {
    this.#isFresh = false;
    this.#set({ started: true, blocked: false, paused: false, playedOut: false });
  }

  async #play(): Promise<void> {
    const { video } = this;
    this.#set({ paused: false });
    try {
      await video.play();
    } catch (thrown) {
      if (!(thrown instanceof DOMException) || thrown.name !== 'NotAllowedError') return;
      if (video.muted) return this.#set({ blocked: true });
      video.muted = true;
      this.#set({ mutedByPolicy: true });
      await video.play().catch(() => this.#set({ blocked: true }));
    }
  }

  #paused(): void {
    if (this.#isSwapping || this.video.ended) return;
    this.#set({ paused: true });
    this.#deed({ kind: 'paused' });
  }

  #resumed(): void {
    this.#set({ paused: false });
    if (this.#snapshot.following || !this.#snapshot.started) return;
    const lateS = this.#late();
    this.#deed({ kind: 'resumed', lateS });
    if (this.#snapshot.following && lateS > GO_LIVE_AFTER_S) this.goLive();
  }

  #sought(): void {
    const { video } = this;
    const first = video.seekable.length > 0 ? video.seekable.start(0) + AFTER_BEGINNING_S : 0;
    if (this.#hls && this.#snapshot.started && video.currentTime < first) video.currentTime = first;
    const lateS = this.#late();
    if (this.#isSwapping || !this.#snapshot.started || Number.isNaN(lateS)) return;
    if (this.#snapshot.playedOut) this.#set({ playedOut: false });
    this.#deed({ kind: 'sought', lateS, movedS: video.currentTime - this.#position });
    this.#position = video.currentTime;
  }

  /** Seconds behind the place where live plays. */
  #late(): number {
    return (this.#livePosition() ?? Number.NaN) - this.video.currentTime;
  }

  #deed(deed: Deed): void {
    const following = follows(this.#snapshot.following, deed, this.#snapshot.canScrub);
    if (following === this.#snapshot.following) return;
    if (following) this.video.playbackRate = 1;
    if (this.#hls) Object.assign(this.#hls.config, latencySettings(following));
    this.#set({ following, rate: 1 });
    if (!following && this.video.playbackRate !== 1) this.video.playbackRate = 1;
  }

  #seekTo(position: number): void {
    const { seekable } = this.video;
    if (seekable.length === 0) return;
    const edge = this.#livePosition() ?? seekable.end(seekable.length - 1);
    if (position >= edge && this.#snapshot.live) return this.goLive();
    const to = Math.min(Math.max(position, seekable.start(0) + AFTER_BEGINNING_S), edge);
    this.intendSeek(to);
    this.video.currentTime = to;
  }

  #livePosition(): number | null {
    if (this.#hls) return this.#hls.liveSyncPosition;
    const { seekable } = this.video;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) - NATIVE_HOLD_BACK_S : null;
  }

  #tick(): void {
    const { video } = this;
    const now = performance.now();
    const details = this.#details();
    const behindS = this.latency();
    const remedy = this.#watchdog.look({
      now,
      wanted: this.#grant !== null && !this.#snapshot.paused && !this.#snapshot.blocked && !video.ended,
      positionS: video.currentTime,
      excused: this.#excused || !navigator.onLine,
    });
    if (!video.seeking) this.#position = video.currentTime;
    if (remedy) this.#remedy(remedy);
    if (!this.#watchdog.stalled && this.#timers.cure === 0 && now - this.#lastErrorAt > STEADY_AFTER_MS) this.#attempt = 0;
    const stalled = this.#watchdog.stalled || this.#timers.cure !== 0 || (this.#isFresh && !this.#snapshot.paused);
    this.#set({ stalled });
    if (this.#isFresh) return;
    this.#set({
      live: details ? details.live : video.duration === Number.POSITIVE_INFINITY || !this.#snapshot.started,
      behindS: Number.isFinite(behindS) ? Math.max(0, Math.round(behindS * 10) / 10) : this.#snapshot.behindS,
      positionS: Math.floor(video.currentTime),
      hasCaptions: [...video.textTracks].some((track) => track.kind === 'captions' || track.kind === 'subtitles'),
    });
  }

  #remedy(remedy: Remedy): void {
    const hls = this.#hls;
    switch (remedy) {
      case 'lowest-level':
        // Setting the current level drops the request that is too big to ever arrive.
        if (hls && this.#snapshot.quality === 'auto' && hls.loadLevel > 0) hls.currentLevel = 0;
        return;
      case 'any-level':
        if (hls && this.#snapshot.quality === 'auto') hls.loadLevel = -1;
        return;
      case 'jump-to-edge':
        return this.#jump();
      case 'rebuild':
        return this.#rebuild();
    }
  }

  #jump(): void {
    const { video } = this;
    const edge = this.#livePosition();
    if (this.#snapshot.following) {
      if (edge !== null && edge > video.currentTime + 0.5) video.currentTime = edge;
      return;
    }
    for (let i = 0; i < video.buffered.length; i += 1) {
      const start = video.buffered.start(i);
      if (start > video.currentTime) {
        video.currentTime = start + 0.05;
        return;
      }
    }
  }

  #failed(failure: Failure): void {
    if (this.#timers.cure !== 0) return;
    this.#attempt += 1;
    this.#lastErrorAt = performance.now();
    const cure = cureFor(failure, this.#attempt);
    this.#timers.cure = window.setTimeout(() => {
      this.#timers.cure = 0;
      if (cure === 'start-load') this.#hls?.startLoad();
      else if (cure === 'recover-media') this.#hls?.recoverMediaError();
      else this.#rebuild();
    }, waitMs(this.#attempt, Math.random()));
  }

  /** A new player on a new grant. A grant that cannot be had is an error like any other. */
  #rebuild(): void {
    this.askGrant().then(
      (grant) => {
        if (this.#aborted.signal.aborted) return;
        this.#adopt(grant);
        this.#reload();
      },
      () => {
        if (!this.#aborted.signal.aborted) this.#failed('other');
      },
    );
  }

  #reload(): void {
    this.#resumeAt = this.#snapshot.following ? null : (this.#hls?.playingDate ?? this.#resumeAt);
    this.#isSwapping = true;
    this.#isFresh = this.#snapshot.started;
    this.#drop();
    this.#load();
    this.#isSwapping = false;
  }

  #drop(): void {
    this.#hls?.destroy();
    this.#hls = null;
  }

  #adopt(grant: Grant): void {
    this.#grant = grant;
    this.#tokens.adopt(grant);
    const isAudioWindow = this.#snapshot.quality === 'audio' && !/\/dvr\//.test(grant.audioUrl ?? '');
    this.#set({ canScrub: grant.dvr && !isAudioWindow, hasAudioOnly: grant.audioUrl !== null });
    clearTimeout(this.#timers.renewal);
    const wait = renewalWaitMs(Date.now(), grant.expiresAt);
    this.#timers.renewal = window.setTimeout(() => void this.#tokens.renew().catch(() => this.#renewLater()), wait);
  }

  #renewLater(): void {
    this.#timers.renewal = window.setTimeout(() => void this.#tokens.renew().catch(() => this.#renewLater()), 5_000);
  }

  async #renewedGrant(): Promise<Grant> {
    const grant = await this.askGrant();
    if (!this.#aborted.signal.aborted) this.#adopt(grant);
    return grant;
  }

  #url(): string | null {
    if (this.#grant === null) return null;
    const url = this.#snapshot.quality === 'audio' ? this.#grant.audioUrl : this.#grant.hlsUrl;
    const canScrub = this.#grant.dvr && (this.#snapshot.quality !== 'audio' || /\/dvr\//.test(url ?? ''));
    this.#set({ canScrub });
    return url;
  }

  #details(): LevelDetails | null {
    return this.#hls?.latestLevelDetails ?? null;
  }

  #nameOf(index: number): string | null {
    const height = this.#hls?.levels[index]?.height ?? 0;
    return height > 0 ? qualityName(height) : null;
  }

  #set(change: Partial<Snapshot>): void {
    const keys = Object.keys(change) as Array<keyof Snapshot>;
    if (keys.every((key) => Object.is(this.#snapshot[key], change[key]))) return;
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function failureOf(error: ErrorData): Failure {
  // Without its multivariant playlist hls.js has nothing to start again from.
  if (error.details.startsWith('manifest')) return 'other';
  if (error.type === ErrorTypes.NETWORK_ERROR) return 'network';
  return error.type === ErrorTypes.MEDIA_ERROR ? 'media' : 'other';
}
