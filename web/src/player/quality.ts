// Names of qualities. A rendition is HD, SD or Mobile by its height; the source keeps its height beside the name.

export interface Level {
  height: number;
  bitrate: number;
}

/** A line of the quality menu. `index` is the level's place in hls.js's list. */
export interface QualityChoice {
  index: number;
  name: string;
  detail: string;
}

/** The least height that still counts as HD, and as SD. */
const HD_HEIGHT_MIN = 720;
const SD_HEIGHT_MIN = 360;

export function qualityName(height: number): 'HD' | 'SD' | 'Mobile' {
  if (height >= HD_HEIGHT_MIN) return 'HD';
  if (height >= SD_HEIGHT_MIN) return 'SD';
  return 'Mobile';
}

/** Best first; two levels of one height keep the better one's place and both show their bitrate. */
export function qualityChoices(levels: readonly Level[]): QualityChoice[] {
  return levels
    .map((level, index) => ({ level, index }))
    .filter(({ level }) => level.height > 0)
    .sort((a, b) => b.level.height - a.level.height || b.level.bitrate - a.level.bitrate)
    .map(({ level, index }, _, all) => {
      const twins = all.filter((other) => other.level.height === level.height).length > 1;
      const detail = twins ? `${level.height}p · ${megabits(level.bitrate)}` : `${level.height}p`;
      return { index, name: qualityName(level.height), detail };
    });
}

function megabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
}
