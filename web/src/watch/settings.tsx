// The menu over the picture: quality, and speed while watching back.

import { useEffect, useRef } from 'react';
import { SPEEDS } from '../player/keys';
import type { LecturePlayer, Quality, Snapshot } from '../player/lecture-player';

export function Settings({
  player,
  snapshot,
  onClose,
  onHelp,
}: {
  player: LecturePlayer;
  snapshot: Snapshot;
  onClose: () => void;
  onHelp: () => void;
}) {
  const ref = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const opener = document.activeElement;
    ref.current?.querySelector<HTMLInputElement>('input:checked')?.focus();
    const onPointer = (event: PointerEvent) => {
      const path = event.composedPath();
      if (ref.current && !path.includes(ref.current) && !(opener && path.includes(opener))) close.current();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close.current();
      if (opener instanceof HTMLElement) opener.focus();
    };
    document.addEventListener('pointerdown', onPointer, true);
    document.addEventListener('keydown', onKey, true);
    return () => {
      document.removeEventListener('pointerdown', onPointer, true);
      document.removeEventListener('keydown', onKey, true);
    };
  }, []);

  const qualities: Array<{ quality: Quality; name: string; detail: string }> = [
    { quality: 'auto', name: 'Auto', detail: snapshot.quality === 'auto' ? (snapshot.levelName ? `now ${snapshot.levelName}` : '') : '' },
    ...snapshot.choices.map((choice) => ({ quality: choice.index, name: choice.name, detail: choice.detail })),
    ...(snapshot.hasAudioOnly ? [{ quality: 'audio' as const, name: 'Audio only', detail: 'saves data' }] : []),
  ];
  const hasSpeed = !snapshot.following || !snapshot.live;

  return (
    <div className="settings" role="dialog" aria-label="Settings" ref={ref}>
      <fieldset>
        <legend>Quality</legend>
        {qualities.map(({ quality, name, detail }) => (
          <label key={quality} className="choice">
            <input
              type="radio"
              name="quality"
              checked={snapshot.quality === quality}
              onChange={() => player.setQuality(quality)}
            />
            <span>{name}</span>
            <span className="choice__detail tabular">{detail}</span>
          </label>
        ))}
      </fieldset>
      {hasSpeed && (
        <fieldset>
          <legend>Speed</legend>
          <div className="speeds">
            {SPEEDS.map((speed) => (
              <label key={speed} className="speed">
                <input type="radio" name="speed" checked={snapshot.rate === speed} onChange={() => player.setRate(speed)} />
                <span className="tabular">{speed}×</span>
              </label>
            ))}
          </div>
        </fieldset>
      )}
      <button
        type="button"
        className="settings__help"
        onClick={() => {
          onClose();
          onHelp();
        }}
      >
        Keyboard shortcuts
      </button>
    </div>
  );
}
