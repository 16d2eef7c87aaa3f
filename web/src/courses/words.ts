// What the pages say about courses and places in them. Pure.

import type { Access, EnrolmentStatus, Level, WholeCourse } from '../api/course-types';

export const LEVELS: Record<Level, string> = {
  all: 'All levels',
  beginner: 'Beginner',
  intermediate: 'Intermediate',
  advanced: 'Advanced',
};

export const ACCESS: Record<Access, string> = {
  public: 'Open to everyone',
  private: 'The teacher decides',
  restricted: 'For a certain group',
  paid: 'Paid',
};

/** "Free", "150.000 ₫", "US$49.00": the currency says how many digits its minor unit has. */
export function price(minor: number, currency: string, locale?: string): string {
  if (minor === 0) return 'Free';
  try {
    const format = new Intl.NumberFormat(locale, { style: 'currency', currency });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(minor / 10 ** digits);
  } catch {
    return `${minor} ${currency}`;
  }
}

export interface Standing {
  /** A tag of a word or two. */
  tag: string;
  tone: 'good' | 'warn' | 'quiet';
  text: string;
}

/** Where somebody stands with a course, in his own words. */
export function standing(status: EnrolmentStatus, before: number | null = null): Standing {
  switch (status) {
    case 'active':
      return { tag: 'Enrolled', tone: 'good', text: 'You have a place. Its lectures are on your first page.' };
    case 'completed':
      return { tag: 'Completed', tone: 'good', text: 'You have completed this course and may go on watching.' };
    case 'requested':
      return { tag: 'Requested', tone: 'warn', text: 'The teacher has your request. The answer appears here.' };
    case 'waitlisted':
      return {
        tag: 'Waiting',
        tone: 'warn',
        text:
          before === null
            ? 'All places are taken. You move up by yourself as soon as one is free.'
            : before === 0
              ? 'All places are taken. You are the next to get one.'
              : `All places are taken. ${before} before you. You move up by yourself.`,
      };
    case 'awaiting_payment':
      return { tag: 'To be paid', tone: 'warn', text: 'A place is kept for you until it is paid.' };
    case 'rejected':
      return { tag: 'Declined', tone: 'quiet', text: 'Your request was declined. The teacher can still enrol you.' };
    case 'expired':
      return { tag: 'Over', tone: 'quiet', text: 'Your time in this course is over. Ask the teacher for more.' };
    case 'removed':
      return { tag: 'Left', tone: 'quiet', text: 'You have no place in this course any more.' };
  }
}

export interface Join {
  action: string;
  /** He may say something with it. */
  asks: boolean;
  hint: string;
}

/** What the button of somebody without a place does; null where there is nothing to press. */
export function join(course: Pick<WholeCourse, 'access' | 'stage' | 'capacity' | 'taken' | 'waiting_list' | 'price_minor'>): Join | null {
  if (course.stage !== 'published') return null;
  const full = course.taken >= course.capacity;
  if (full && !course.waiting_list && course.access !== 'private') return null;
  if (course.access === 'private') {
    return { action: 'Ask for a place', asks: true, hint: 'The teacher reads your request and answers it.' };
  }
  if (full) return { action: 'Join the waiting list', asks: false, hint: 'You move up by yourself as soon as a place is free.' };
  if (course.access === 'paid' && course.price_minor > 0) {
    return { action: 'Reserve a place', asks: false, hint: 'A place is kept for you for 30 minutes, until it is paid.' };
  }
  if (course.access === 'restricted') {
    return { action: 'Join this course', asks: false, hint: 'Open to a certain group. Whether you belong to it is looked up when you join.' };
  }
  return { action: 'Join this course', asks: false, hint: 'You can watch at once, and leave whenever you like.' };
}

/** "12 of 100 places taken", "Full, with a waiting list". */
export function places(course: Pick<WholeCourse, 'capacity' | 'taken' | 'waiting_list'>): string {
  const left = course.capacity - course.taken;
  if (left > 0) return left <= 5 ? `${left} ${left === 1 ? 'place' : 'places'} left` : `${course.taken} of ${course.capacity} places taken`;
  return course.waiting_list ? 'Full, with a waiting list' : 'Full';
}
