// The video with its controls (media-chrome's, and ours for what it does not have).

import 'media-chrome/dist/media-controller.js';
import 'media-chrome/dist/media-time-range.js';
import 'media-chrome/dist/media-volume-range.js';
import 'media-chrome/dist/media-play-button.js';
import 'media-chrome/dist/media-mute-button.js';
import 'media-chrome/dist/media-pip-button.js';
import 'media-chrome/dist/media-airplay-button.js';
import 'media-chrome/dist/media-fullscreen-button.js';
import { type ReactNode, type Ref, useEffect, useRef, useState } from 'react';
import type { LecturePlayer, Snapshot } from '../player/lecture-player';
import { Back10, Sliders, SoundOff } from '../ui/icons';
import mark from '../ui/mark.svg';
import { clockTime } from '../ui/time';
import { LiveBadge } from './live-badge';
import { Settings } from './settings';
import { toggleCaptions } from './use-keys';

export function Stage({
  player,
  snapshot,
  title,
  videoRef,
  isOpen,
  onHelp,
  children,
}: {
  player: LecturePlayer | null;
  snapshot: Snapshot;
  title: string;
  videoRef: Ref<HTMLVideoElement>;
  /** There is something to control. */
  isOpen: boolean;
  onHelp: () => void;
  children: ReactNode;
}) {
  const [settings, setSettings] = useState(false);
  const stage = useRef<HTMLElement>(null);
  const controller = useRef<HTMLElement & { fullscreenElement?: HTMLElement | null }>(null);
  useEffect(() => {
    // The whole stage, curtain included; its attribute would be looked up before the stage is in the page.
    if (controller.current) controller.current.fullscreenElement = stage.current;
  }, []);
  useEffect(() => {
    const element = stage.current;
    // Before the controller obeys it.
    const onSeek = (event: Event) => {
      const to = (event as CustomEvent<unknown>).detail;
      if (typeof to === 'number') player?.intendSeek(to);
    };
    element?.addEventListener('mediaseekrequest', onSeek, true);
    return () => element?.removeEventListener('mediaseekrequest', onSeek, true);
  }, [player]);
  return (
    <section ref={stage} id="stage" className="stage" aria-label="Lecture" data-open={isOpen} data-menu={settings}>
      <media-controller
        ref={controller}
        class="stage__controller"
        defaultstreamtype="live"
        autohide={settings ? '-1' : '3'}
        nohotkeys
        nomutedpref
        noautoseektolive
      >
        <video ref={videoRef} slot="media" playsInline preload="none" tabIndex={-1} aria-label={title} />
        {isOpen && snapshot.quality === 'audio' && <AudioCard title={title} isPlaying={!snapshot.paused && !snapshot.stalled} />}
        {isOpen && snapshot.mutedByPolicy && player && (
          <div slot="top-chrome" className="stage__top" {...{ noautohide: '' }}>
            <button type="button" className="unmute" onClick={() => player.unmute()}>
              <SoundOff />
              Turn the sound on
            </button>
          </div>
        )}
        {isOpen && player && (
          <div className="controls">
            {snapshot.canScrub && <media-time-range />}
            <div className="controls__row">
              <media-play-button />
              {snapshot.canScrub && (
                <button type="button" className="control" aria-label="Back 10 seconds" onClick={() => player.seekBy(-10)}>
                  <Back10 />
                </button>
              )}
              <media-mute-button />
              <media-volume-range class="controls__volume" />
              {snapshot.live && <LiveBadge player={player} snapshot={snapshot} />}
              {snapshot.canScrub && (
                <span className="controls__time tabular" aria-hidden="true">
                  {clockTime(snapshot.positionS)}
                </span>
              )}
              <span className="controls__space" />
              {!snapshot.following && snapshot.rate !== 1 && <span className="controls__rate tabular">{snapshot.rate}×</span>}
              {snapshot.hasCaptions && (
                <button type="button" className="control" aria-label="Captions" onClick={() => toggleCaptions(player.video)}>
                  CC
                </button>
              )}
              <button
                type="button"
                className="control"
                aria-label="Settings"
                aria-haspopup="dialog"
                aria-expanded={settings}
                onClick={() => setSettings(!settings)}
              >
                <Sliders />
              </button>
              <media-airplay-button />
              <media-pip-button />
              <media-fullscreen-button />
            </div>
            {settings && (
              <Settings player={player} snapshot={snapshot} onClose={() => setSettings(false)} onHelp={onHelp} />
            )}
          </div>
        )}
      </media-controller>
      {children}
    </section>
  );
}

function AudioCard({ title, isPlaying }: { title: string; isPlaying: boolean }) {
  return (
    <div slot="centered-chrome" className="audio" {...{ noautohide: '' }}>
      <img src={mark} alt="" />
      <p className="audio__title">{title}</p>
      <p className="audio__bars" data-playing={isPlaying} aria-hidden="true">
        <span />
        <span />
        <span />
        <span />
        <span />
      </p>
      <p>Sound only, to save data. The picture comes back with another quality.</p>
    </div>
  );
}
