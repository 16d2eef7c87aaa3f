// The keyboard of the watch page: which key means what.

export type Command =
  | { kind: 'toggle-play' }
  | { kind: 'seek-by'; seconds: number }
  | { kind: 'seek-to'; share: number }
  | { kind: 'volume-by'; share: number }
  | { kind: 'speed-by'; steps: number }
  | { kind: 'toggle-mute' }
  | { kind: 'toggle-fullscreen' }
  | { kind: 'toggle-captions' }
  | { kind: 'go-live' }
  | { kind: 'help' };

export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  target: EventTarget | null;
}

const JUMP_S = 10;
const STEP_S = 5;
const VOLUME_STEP = 0.05;

/** The command a key stands for. None where somebody types, or where the focused control needs the key itself. */
export function commandOf(press: Press): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const place = placeOf(press.target);
  if (place === 'text') return null;
  if (place === 'slider' && /^(Arrow|Home|End|Page)/.test(press.key)) return null;
  if (place === 'choice' && (/^Arrow/.test(press.key) || press.key === ' ')) return null;
  if (place === 'button' && (press.key === ' ' || press.key === 'Enter')) return null;
  if (/^[0-9]$/.test(press.key)) return { kind: 'seek-to', share: Number(press.key) / 10 };
  switch (press.key.length === 1 ? press.key.toLowerCase() : press.key) {
    case ' ':
    case 'k':
      return { kind: 'toggle-play' };
    case 'j':
      return { kind: 'seek-by', seconds: -JUMP_S };
    case 'l':
      return { kind: 'seek-by', seconds: JUMP_S };
    case 'ArrowLeft':
      return { kind: 'seek-by', seconds: -STEP_S };
    case 'ArrowRight':
      return { kind: 'seek-by', seconds: STEP_S };
    case 'ArrowUp':
      return { kind: 'volume-by', share: VOLUME_STEP };
    case 'ArrowDown':
      return { kind: 'volume-by', share: -VOLUME_STEP };
    case 'm':
      return { kind: 'toggle-mute' };
    case 'f':
      return { kind: 'toggle-fullscreen' };
    case 'c':
      return { kind: 'toggle-captions' };
    case '<':
      return { kind: 'speed-by', steps: -1 };
    case '>':
      return { kind: 'speed-by', steps: 1 };
    case 'End':
      return { kind: 'go-live' };
    case '?':
      return { kind: 'help' };
    default:
      return null;
  }
}

/** What the help lists. */
export const KEY_HELP: ReadonlyArray<{ keys: string[]; what: string; dvrOnly?: boolean }> = [
  { keys: ['Space', 'K'], what: 'Play or pause' },
  { keys: ['J', 'L'], what: 'Back or forward 10 seconds', dvrOnly: true },
  { keys: ['←', '→'], what: 'Back or forward 5 seconds', dvrOnly: true },
  { keys: ['0', '…', '9'], what: 'To the start, to 10 % … 90 %', dvrOnly: true },
  { keys: ['<', '>'], what: 'Slower or faster, while watching back', dvrOnly: true },
  { keys: ['End'], what: 'Go to live' },
  { keys: ['↑', '↓'], what: 'Louder or softer' },
  { keys: ['M'], what: 'Sound off or on' },
  { keys: ['F'], what: 'Full screen' },
  { keys: ['C'], what: 'Captions, where there are some' },
  { keys: ['?'], what: 'This list' },
];

/** Speeds of the menu, and of < and >. */
export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

export function speedBy(rate: number, steps: number): number {
  const nearest = SPEEDS.reduce((best, speed, i) => (Math.abs(speed - rate) < Math.abs(SPEEDS[best]! - rate) ? i : best), 0);
  return SPEEDS[Math.min(Math.max(nearest + steps, 0), SPEEDS.length - 1)]!;
}

type Place = 'text' | 'slider' | 'choice' | 'button' | 'page';

function placeOf(target: EventTarget | null): Place {
  const element = target as Partial<HTMLInputElement> | null;
  const tag = element?.tagName?.toLowerCase() ?? '';
  if (element?.isContentEditable || tag === 'textarea' || tag === 'select') return 'text';
  if (tag === 'media-time-range' || tag === 'media-volume-range') return 'slider';
  if (tag === 'button' || tag === 'a' || tag === 'summary' || /^media-.*-button$/.test(tag)) return 'button';
  if (tag !== 'input') return 'page';
  if (element?.type === 'range') return 'slider';
  if (element?.type === 'radio' || element?.type === 'checkbox') return 'choice';
  return 'text';
}
