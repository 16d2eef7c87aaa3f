// Says whether one is live and how far behind, and goes to live.

import type { LecturePlayer, Snapshot } from '../player/lecture-player';
import { clockTime, spokenTime } from '../ui/time';

export function LiveBadge({ player, snapshot }: { player: LecturePlayer; snapshot: Snapshot }) {
  const behindS = Math.round(snapshot.behindS);
  if (snapshot.following) {
    return (
      <span className="live live--on" title={`${behindS} s behind the teacher's picture`}>
        <span className="dot dot--beats" />
        Live
        <span className="live__behind tabular">
          <span aria-hidden="true">{behindS} s</span>
          <span className="visually-hidden">, {spokenTime(behindS)} behind</span>
        </span>
      </span>
    );
  }
  return (
    <button type="button" className="live" onClick={() => player.goLive()}>
      <span className="dot" />
      Go live
      <span className="live__behind tabular">
        <span aria-hidden="true">−{clockTime(behindS)}</span>
        <span className="visually-hidden">, {spokenTime(behindS)} behind</span>
      </span>
    </button>
  );
}
