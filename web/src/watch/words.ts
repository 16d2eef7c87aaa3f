// What the watch page says in each state; also what a screen reader hears when it changes.

import type { View } from './view';

export interface Words {
  title: string;
  text: string;
}

export function wordsFor(view: View): Words | null {
  switch (view.kind) {
    case 'playing':
      return null;
    case 'loading':
      return { title: 'Loading', text: '' };
    case 'not-enrolled':
      return {
        title: 'You are not enrolled in this course',
        text: 'Ask the teacher to enrol the address you are signed in with. This page opens by itself once that is done.',
      };
    case 'not-found':
      // The server says the same of a lecture that does not exist and of one in a course one may not see.
      return {
        title: 'This lecture is not open to you',
        text: 'The link may be mistyped, or you are not enrolled in its course. Ask the teacher to enrol the address you are signed in with; this page then opens by itself.',
      };
    case 'unreachable':
      return { title: 'The server cannot be reached', text: 'Check your connection. The page goes on by itself as soon as there is an answer.' };
    case 'cancelled':
      return { title: 'This lecture was cancelled', text: 'Its course may have others: see your lectures.' };
    case 'waiting':
      if (view.isLate) return { title: 'About to begin', text: 'The teacher has not started yet. Leave this page open: it becomes the lecture by itself.' };
      if (view.startsAt === null) return { title: 'Not started yet', text: 'Leave this page open: it becomes the lecture by itself.' };
      return { title: 'Starts in', text: 'Leave this page open: it becomes the lecture by itself.' };
    case 'joining':
      return { title: 'Joining the lecture', text: '' };
    case 'reconnecting':
      return reconnecting(view.cause);
    case 'ended':
      return view.canReplay
        ? { title: 'The lecture has ended', text: 'You can still watch it from the beginning on this page.' }
        : { title: 'The lecture has ended', text: 'Thank you for being there.' };
  }
}

/** Heard when the state changes; never the seconds of a countdown. */
export function announcement(view: View): string {
  if (view.kind === 'playing') return 'The lecture is playing.';
  if (view.kind === 'waiting' && !view.isLate) return 'The lecture has not started yet. This page becomes the lecture by itself.';
  const words = wordsFor(view);
  return words ? `${words.title}. ${words.text}`.trim() : '';
}

function reconnecting(cause: 'teacher' | 'network' | 'playback'): Words {
  switch (cause) {
    case 'teacher':
      return { title: "The teacher's connection was lost", text: 'The lecture goes on here as soon as it is back.' };
    case 'network':
      return { title: 'You are offline', text: 'The lecture goes on as soon as your connection is back.' };
    case 'playback':
      return { title: 'Reconnecting', text: 'The connection is slow or was interrupted for a moment.' };
  }
}
