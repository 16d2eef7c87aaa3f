// The keyboard of the watch page, joined to the player.

import { useEffect, useRef } from 'react';
import { type Command, commandOf, speedBy } from '../player/keys';
import type { LecturePlayer } from '../player/lecture-player';

export function useKeys(player: LecturePlayer | null, onHelp: () => void): void {
  const help = useRef(onHelp);
  help.current = onHelp;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
      const [target = null] = event.composedPath();
      const command = commandOf({
        key: event.key,
        ctrlKey: event.ctrlKey,
        metaKey: event.metaKey,
        altKey: event.altKey,
        target: hostOf(target),
      });
      if (command === null) return;
      if (command.kind === 'help') help.current();
      else if (player === null || !player.snapshot().started) return;
      else obey(player, command);
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [player]);
}

/** The element the page knows: inside a control's shadow root that is the control. */
function hostOf(target: EventTarget | null): EventTarget | null {
  const root = target instanceof Node ? target.getRootNode() : null;
  return root instanceof ShadowRoot ? hostOf(root.host) : target;
}

function obey(player: LecturePlayer, command: Exclude<Command, { kind: 'help' }>): void {
  const { video } = player;
  const { canScrub } = player.snapshot();
  switch (command.kind) {
    case 'toggle-play':
      return player.togglePlay();
    case 'seek-by':
      return canScrub ? player.seekBy(command.seconds) : undefined;
    case 'seek-to':
      return canScrub ? player.seekToShare(command.share) : undefined;
    case 'go-live':
      return player.goLive();
    case 'speed-by':
      return player.setRate(speedBy(video.playbackRate, command.steps));
    case 'toggle-mute':
      if (video.muted) player.unmute();
      else video.muted = true;
      return;
    case 'volume-by':
      video.volume = Math.min(1, Math.max(0, video.volume + command.share));
      if (command.share > 0) video.muted = false;
      return;
    case 'toggle-fullscreen':
      return toggleFullscreen();
    case 'toggle-captions':
      return toggleCaptions(video);
  }
}

function toggleFullscreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else document.getElementById('stage')?.requestFullscreen?.().catch(() => undefined);
}

export function toggleCaptions(video: HTMLVideoElement): void {
  const tracks = [...video.textTracks].filter((track) => track.kind === 'captions' || track.kind === 'subtitles');
  const isShowing = tracks.some((track) => track.mode === 'showing');
  for (const [index, track] of tracks.entries()) track.mode = !isShowing && index === 0 ? 'showing' : 'disabled';
}
