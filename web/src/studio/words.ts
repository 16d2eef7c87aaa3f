// What the studio says: each warning with its cure, codecs by name, states in plain words.

import type { LiveStatus, PublicationHealth, WarningCode } from '../api/types';

export interface Advice {
  title: string;
  cure: string;
}

const ADVICE: Record<WarningCode, Advice> = {
  gop_too_long: {
    title: 'Keyframes are too far apart',
    cure: 'In OBS, open Settings › Output › Streaming and set Keyframe Interval to 2 s. Until then students get a re-encoded picture.',
  },
  frame_rate_irregular: {
    title: 'The frame rate is too low or irregular',
    cure: 'In OBS, open Settings › Video and set a common FPS value of 25 or 30. Close heavy programs if the encoder is overloaded. Until then students get a re-encoded picture.',
  },
  audio_missing: {
    title: 'No sound arrives',
    cure: 'In OBS, check that the microphone is not muted in the audio mixer and that Settings › Output sends an AAC audio track.',
  },
  video_missing: {
    title: 'No picture arrives',
    cure: 'In OBS, check that the scene shows a source and that the video encoder is H.264 (x264 or hardware).',
  },
  video_too_late: {
    title: 'Pictures come, but the session began with sound alone',
    cure: 'Students’ players look but once for pictures, at the beginning. To have pictures, end the session and begin it anew.',
  },
  transcoder_behind: {
    title: 'The server cannot keep up with every quality',
    cure: 'The best re-encoded quality was dropped; your own picture and the lower ones go on. Fewer lectures at once on this server, or a smaller picture in OBS, help.',
  },
  recording_degraded: {
    title: 'The recording is not safe',
    cure: 'The lecture goes on live. Tell whoever runs this server: its disk is full, slow or failing.',
  },
};

export function adviceFor(code: string): Advice {
  return ADVICE[code as WarningCode] ?? { title: 'The server reports a problem', cure: `Its code is ${code}.` };
}

/** "avc1.64001f" → "H.264 High", "mp4a.40.2" → "AAC-LC"; a codec unknown to us keeps its own name. */
export function codecName(codec: string): string {
  if (codec === '') return 'none';
  const h264 = /^avc[13]\.([0-9a-f]{2})/i.exec(codec);
  if (h264) return `H.264 ${H264_PROFILES[h264[1]!.toLowerCase()] ?? ''}`.trim();
  return NAMES[codec.toLowerCase()] ?? codec;
}

const H264_PROFILES: Record<string, string> = { '42': 'Baseline', '4d': 'Main', '64': 'High' };
const NAMES: Record<string, string> = { 'mp4a.40.2': 'AAC-LC', 'mp4a.40.5': 'HE-AAC', 'mp4a.40.29': 'HE-AAC v2', opus: 'Opus' };

export interface Figure {
  name: string;
  value: string;
  unit: string;
  /** Worth a look: a warning is about it. */
  isOff: boolean;
}

/** The tiles of the health panel; dashes while nothing arrives. */
export function figures(health: PublicationHealth | null): Figure[] {
  const has = (...codes: WarningCode[]) => health?.warnings.some((code) => codes.includes(code)) ?? false;
  const hasVideo = health !== null && health.video_codec !== '';
  return [
    { name: 'Bitrate', value: health ? String(Math.round(health.bitrate_kbps)) : '–', unit: 'kb/s', isOff: false },
    {
      name: 'Frame rate',
      value: hasVideo ? short(health.frame_rate) : '–',
      unit: 'fps',
      isOff: has('frame_rate_irregular'),
    },
    {
      name: 'Keyframe every',
      value: hasVideo && health.keyframe_interval_s > 0 ? short(health.keyframe_interval_s) : '–',
      unit: 's',
      isOff: has('gop_too_long'),
    },
    { name: 'Picture', value: hasVideo ? `${health.width} × ${health.height}` : '–', unit: '', isOff: has('video_missing') },
    { name: 'Video', value: health ? codecName(health.video_codec) : '–', unit: '', isOff: has('video_missing') },
    { name: 'Audio', value: health ? codecName(health.audio_codec) : '–', unit: '', isOff: has('audio_missing') },
  ];
}

/** Two decimals at most, none for whole numbers: 29.97, 30, 2.5. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export interface Standing {
  label: string;
  tone: 'live' | 'warn' | 'good' | 'quiet';
  text: string;
}

export function standing(status: Pick<LiveStatus, 'state' | 'publishing'>): Standing {
  switch (status.state) {
    case 'live':
      return status.publishing
        ? { label: 'Live', tone: 'live', text: 'Students see and hear you.' }
        : { label: 'Live, no picture', tone: 'warn', text: 'OBS is not connected. Students wait; the lecture goes on as soon as it is back.' };
    case 'interrupted':
      return { label: 'Interrupted', tone: 'warn', text: 'The connection from OBS was lost. Students wait; start streaming again and the same lecture goes on.' };
    case 'preview':
      return { label: 'Preview', tone: 'good', text: 'Only you see this. Go live when you are ready.' };
    case 'ended':
    case 'offline':
      return status.publishing
        ? { label: 'Preview', tone: 'good', text: 'Only you see this. Go live when you are ready.' }
        : { label: 'Offline', tone: 'quiet', text: 'Start streaming in OBS to see your preview here.' };
  }
}
