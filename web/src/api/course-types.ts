// The shapes of courses, places in them and what leads there, as the server's OpenAPI document names them.

import type { Course, User } from './types';

export type Access = 'public' | 'private' | 'restricted' | 'paid';
export type Stage = 'draft' | 'published' | 'archived';
export type Level = 'all' | 'beginner' | 'intermediate' | 'advanced';
export type Mode = 'classroom' | 'self_paced';
export type Chat = 'everyone' | 'teacher_only' | 'off';

export type EnrolmentStatus =
  | 'requested'
  | 'awaiting_payment'
  | 'waitlisted'
  | 'active'
  | 'completed'
  | 'rejected'
  | 'expired'
  | 'removed';

/** Everything about a course. Times are RFC 3339 in UTC, prices in the currency's minor unit. */
export interface WholeCourse extends Course {
  slug: string;
  description: string;
  teacher: { id: string; full_name: string };
  category: { id: string; name: string; slug: string } | null;
  access: Access;
  stage: Stage;
  listed: boolean;
  price_minor: number;
  currency: string;
  level: Level;
  language: string | null;
  mode: Mode;
  chat: Chat;
  record: boolean;
  recording_days: number | null;
  capacity: number;
  taken: number;
  waiting_list: boolean;
  access_from: string | null;
  access_until: string | null;
  access_days: number | null;
  is_live: boolean;
  next_session_at: string | null;
  is_enrolled: boolean;
  enrolment: { id: string; status: EnrolmentStatus } | null;
}

export interface Category {
  id: string;
  parent_id: string | null;
  depth: number;
  slug: string;
  name: string;
  description: string;
  position: number;
  active: boolean;
  courses: number;
}

export interface Enrolment {
  id: string;
  course_id: string;
  user: Pick<User, 'id' | 'email' | 'full_name'>;
  status: EnrolmentStatus;
  batch: { id: string; title: string | null } | null;
  message: string | null;
  answer: string | null;
  held_until: string | null;
  placed_at: string | null;
  expires_at: string | null;
  updated_at: string;
}

export interface OwnEnrolment {
  id: string;
  course: { id: string; slug: string; title: string; teacher_name: string };
  status: EnrolmentStatus;
  before: number | null;
  answer: string | null;
  held_until: string | null;
  expires_at: string | null;
}

export interface Batch {
  id: string;
  title: string;
  starts_at: string | null;
  ends_at: string | null;
  capacity: number | null;
  open: boolean;
  taken: number;
}

export interface Admission {
  prerequisites: Array<{ id: string; slug: string; title: string; completed: boolean }>;
  email_domains: string[];
}

export interface Invite {
  id: string;
  expires_at: string;
  uses_max: number | null;
  uses: number;
  good: boolean;
}

export interface FreshInvite {
  invite: Invite;
  link: string;
}

export interface Invitation {
  course_id: string;
  title: string;
  description: string;
  teacher_name: string;
  batch_title: string | null;
  status: EnrolmentStatus | null;
}

export interface ImportReport {
  enrolled: number;
  lines: Array<{ line: number; email: string | null; outcome: string; message: string }>;
}
