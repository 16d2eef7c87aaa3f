// Times as people read them. Pure: `now` and the locale come in.

/** 75 → "1:15", 3675 → "1:01:15". Negative and unknown times read as 0:00. */
export function clockTime(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const tail = `${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** 3675 → "1 hour 1 minute 15 seconds", for screen readers. */
export function spokenTime(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const parts = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor((whole % 3600) / 60), 'minute'],
    [whole % 60, 'second'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return said.length > 0 ? said.join(' ') : '0 seconds';
}

/** What is left until `startsAt`, in the units that matter at that distance. Null once it has come. */
export function countdown(startsAt: number, now: number): { figures: string; unit: string } | null {
  const left = Math.ceil((startsAt - now) / 1000);
  if (left <= 0) return null;
  const days = Math.floor(left / 86_400);
  if (days >= 2) return { figures: `${days} days`, unit: '' };
  if (left >= 86_400) return { figures: `1 day ${Math.floor((left % 86_400) / 3600)} h`, unit: '' };
  return { figures: clockTime(left), unit: left >= 3600 ? 'hours' : 'minutes' };
}

/** "Today, 14:00", "Tomorrow, 09:30", "Mon 3 Nov, 09:30"; another year is named. */
export function dayAndTime(at: number, now: number, locale?: string): string {
  const [date, today] = [new Date(at), new Date(now)];
  const time = date.toLocaleTimeString(locale, { hour: 'numeric', minute: '2-digit' });
  const daysAhead = Math.round((midnight(date) - midnight(today)) / 86_400_000);
  if (daysAhead === 0) return `Today, ${time}`;
  if (daysAhead === 1) return `Tomorrow, ${time}`;
  if (daysAhead === -1) return `Yesterday, ${time}`;
  const sameYear = date.getFullYear() === today.getFullYear();
  const day = date.toLocaleDateString(locale, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
  return `${day}, ${time}`;
}

/** The same within a sentence: "today, 14:00". */
export function dayAndTimeWithin(at: number, now: number, locale?: string): string {
  return dayAndTime(at, now, locale).replace(/^(Today|Tomorrow|Yesterday)/, (word) => word.toLowerCase());
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
