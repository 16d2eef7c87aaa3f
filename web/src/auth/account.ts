// Who is signed in. The access token lives in memory alone; the refresh token is a cookie no script can read.

import { apiFor, askOpenly } from '../api/client';
import { ApiError } from '../api/error';
import type { LogIn, User } from '../api/types';

export type Account =
  | { kind: 'unknown' }
  /** The server did not answer: nobody is signed out by a lost network. */
  | { kind: 'unreachable' }
  | { kind: 'signed-out' }
  | { kind: 'signed-in'; user: User };

let account: Account = { kind: 'unknown' };
let access: string | null = null;
let refreshing: Promise<string | null> | null = null;
const listeners = new Set<() => void>();

export const api = apiFor({ token: () => access, refresh });

export function currentAccount(): Account {
  return account;
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export async function logIn(email: string, password: string): Promise<void> {
  enter(await askOpenly<LogIn>('/auth/login', { method: 'POST', body: { email, password } }));
}

export interface FirstAdmin {
  token: string;
  email: string;
  password: string;
  full_name: string;
}

/** Makes the first admin with the one-time link, and signs him in. */
export async function setUp(admin: FirstAdmin): Promise<void> {
  const answer = await askOpenly<Partial<LogIn> | undefined>('/setup', { method: 'POST', body: admin });
  if (answer?.access && answer.user) return enter({ access: answer.access, user: answer.user });
  await logIn(admin.email, admin.password);
}

export async function logOut(): Promise<void> {
  await api('/auth/logout', { method: 'POST' }).catch(() => undefined);
  leave();
}

/** All other devices are signed out; this one goes on with new tokens. */
export async function changePassword(current: string, next: string): Promise<void> {
  const body = { current_password: current, password: next };
  enter(await api<LogIn>('/auth/change-password', { method: 'POST', body }));
}

export async function logOutEverywhere(): Promise<void> {
  await api('/auth/logout-all', { method: 'POST' });
  leave();
}

/** The name in the top bar follows the profile. */
export function renamed(fullName: string): void {
  if (account.kind === 'signed-in') become({ kind: 'signed-in', user: { ...account.user, full_name: fullName } });
}

/** A new access token by the cookie; null when there is none to be had. One at a time, also across tabs. */
export function refresh(): Promise<string | null> {
  refreshing ??= exclusively(askForRefresh).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function askForRefresh(): Promise<string | null> {
  try {
    const answer = await askOpenly<LogIn>('/auth/refresh', { method: 'POST', body: {} });
    enter(answer);
    return answer.access;
  } catch (thrown) {
    const refused = thrown instanceof ApiError && thrown.status >= 400 && thrown.status < 500 && thrown.status !== 429;
    if (refused) leave();
    else if (account.kind === 'unknown') become({ kind: 'unreachable' });
    return null;
  }
}

/** Two tabs that renew at once would each spend the other's refresh token. */
function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  return locks ? (locks.request('lectern-refresh', work) as Promise<T>) : work();
}

function enter(answer: LogIn): void {
  access = answer.access;
  become({ kind: 'signed-in', user: answer.user });
}

function leave(): void {
  access = null;
  become({ kind: 'signed-out' });
}

function become(next: Account): void {
  account = next;
  for (const listener of listeners) listener();
}
