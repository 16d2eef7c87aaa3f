// The frame around every page: skip link, top bar, main landmark.

import type { ReactNode } from 'react';
import { Link, NavLink } from 'react-router';
import { logOut } from '../auth/account';
import { useAccount } from '../auth/use-account';
import mark from './mark.svg';

export function Shell({ title, children, wide = false }: { title: string; children: ReactNode; wide?: boolean }) {
  return (
    <>
      <title>{`${title} · Lectern`}</title>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Top />
      <main id="main" tabIndex={-1} className={wide ? undefined : 'page'}>
        {children}
      </main>
    </>
  );
}

function Top() {
  const account = useAccount();
  return (
    <header className="top">
      <Link className="brand" to="/">
        <img src={mark} alt="" />
        Lectern
      </Link>
      {account.kind === 'signed-in' && (
        <nav aria-label="Main">
          <NavLink to="/" end>
            My lectures
          </NavLink>
          <NavLink to="/courses">Courses</NavLink>
        </nav>
      )}
      <div className="top__end">
        {account.kind === 'signed-in' && (
          <>
            <NavLink className="top__name" to="/account" title="My account">
              {account.user.full_name || account.user.email}
            </NavLink>
            <button type="button" className="button button--small button--plain" onClick={() => void logOut()}>
              Sign out
            </button>
          </>
        )}
        {account.kind === 'signed-out' && (
          <NavLink className="button button--small" to="/login">
            Sign in
          </NavLink>
        )}
      </div>
    </header>
  );
}

/** A page of one message. */
export function Alone({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
  return (
    <div className="alone__card">
      <header>
        <img src={mark} alt="" />
        <h1>{title}</h1>
        {text && <p>{text}</p>}
      </header>
      {children}
    </div>
  );
}

export function AlonePage({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
  return (
    <main className="alone" id="main">
      <title>{`${title} · Lectern`}</title>
      <Alone title={title} text={text}>
        {children}
      </Alone>
    </main>
  );
}
