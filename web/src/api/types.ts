// The shapes of the control API that the pages use, as the server's OpenAPI document names them.

export type Role = 'student' | 'instructor' | 'admin';

export interface User {
  id: string;
  email: string;
  full_name: string;
  role: Role;
}

export interface LogIn {
  access: string;
  user: User;
}

/** What a server offers to somebody without an account. */
export interface Options {
  registration: boolean;
  mail: boolean;
}

/** `held`: the server has no mail server, and its administrator hands letters on. */
export interface LetterAnswer {
  letter: 'sent' | 'held';
}

export interface Profile extends User {
  email_verified: boolean;
  locale: string;
  time_zone: string;
  bio: string;
}

/** A browser or app that is signed in. */
export interface Device {
  id: string;
  name: string;
  address: string;
  last_seen_at: string;
  current: boolean;
}

export interface Course {
  id: string;
  title: string;
  description?: string | null;
  dvr: boolean;
  /** Absent where the server lists only what one may open anyway. */
  is_owner?: boolean;
  my_part?: Part | null;
}

export type Part = 'owner' | 'co_teacher' | 'assistant' | 'student' | 'applicant';

export type SessionStatus = 'scheduled' | 'live' | 'interrupted' | 'ended' | 'cancelled';

/** One occurrence of a course. Times are RFC 3339 in UTC. */
export interface Session {
  id: string;
  course: { id: string; title: string; teacher?: string | { full_name?: string | null } | null };
  title: string;
  status: SessionStatus;
  /** `ad_hoc`: made by going live; it ends soon after its publisher has gone. */
  kind?: 'scheduled' | 'ad_hoc';
  starts_at: string | null;
  ends_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  can_watch: boolean;
  is_owner: boolean;
  dvr: boolean;
}

export interface Playback {
  hls_url: string;
  audio_url?: string | null;
  whep_url: string | null;
  dvr: boolean;
  expires_at: string;
}

export interface StreamKey {
  server_url: string;
  key_id: string;
  masked: string;
  created_at: string;
}

/** The one answer that holds the key itself. */
export interface FreshStreamKey {
  server_url: string;
  stream_key: string;
}

export type LiveState = 'offline' | 'preview' | 'live' | 'interrupted' | 'ended';

export type WarningCode =
  | 'gop_too_long'
  | 'frame_rate_irregular'
  | 'audio_missing'
  | 'video_missing'
  | 'video_too_late'
  | 'transcoder_behind'
  | 'recording_degraded';

export interface PublicationHealth {
  bitrate_kbps: number;
  frame_rate: number;
  keyframe_interval_s: number;
  width: number;
  height: number;
  video_codec: string;
  audio_codec: string;
  warnings: WarningCode[];
  rungs: string[];
  timestamps_corrected: number;
}

export interface LiveStatus {
  state: LiveState;
  session: Session | null;
  publishing: boolean;
  playable: boolean;
  /** For the course's owner alone. */
  preview: { hls_url: string; expires_at: string } | null;
  health: PublicationHealth | null;
  viewers: number;
}

export interface Success<T> {
  success: true;
  data: T;
}

export interface Failure {
  success: false;
  error: { code: string; message: string; details?: Record<string, string[]> };
  meta?: { timestamp?: string; request_id?: string };
}
