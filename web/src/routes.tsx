// Which path shows which page. The player is loaded with the pages that play.

import { createBrowserRouter } from 'react-router';
import { ForgotPage } from './auth/forgot-page';
import { LoginPage } from './auth/login-page';
import { RegisterPage } from './auth/register-page';
import { ResetPage } from './auth/reset-page';
import { SetupPage } from './auth/setup-page';
import { VerifyPage } from './auth/verify-page';
import { HomePage } from './home/home-page';
import { BrokenPage, NotFoundPage } from './ui/message-pages';
import { Spinner } from './ui/parts';

const Waiting = () => (
  <div className="alone">
    <Spinner label="Loading…" />
  </div>
);

export const router = createBrowserRouter([
  {
    ErrorBoundary: BrokenPage,
    HydrateFallback: Waiting,
    children: [
      { path: '/', Component: HomePage },
      { path: '/login', Component: LoginPage },
      { path: '/setup', Component: SetupPage },
      { path: '/register', Component: RegisterPage },
      { path: '/verify-email', Component: VerifyPage },
      { path: '/forgot-password', Component: ForgotPage },
      { path: '/reset-password', Component: ResetPage },
      {
        path: '/account',
        lazy: async () => ({ Component: (await import('./account/account-page')).AccountPage }),
      },
      {
        path: '/watch/:session',
        lazy: async () => ({ Component: (await import('./watch/watch-page')).WatchPage }),
      },
      { path: '/courses', lazy: async () => ({ Component: (await import('./courses/catalogue-page')).CataloguePage }) },
      { path: '/courses/:course', lazy: async () => ({ Component: (await import('./courses/course-page')).CoursePage }) },
      { path: '/join', lazy: async () => ({ Component: (await import('./courses/join-page')).JoinPage }) },
      {
        path: '/studio/:course/students',
        lazy: async () => ({ Component: (await import('./desk/students-page')).StudentsPage }),
      },
      {
        path: '/studio/:course/settings',
        lazy: async () => ({ Component: (await import('./desk/settings-page')).SettingsPage }),
      },
      {
        path: '/studio/:course',
        lazy: async () => ({ Component: (await import('./studio/studio-page')).StudioPage }),
      },
      { path: '*', Component: NotFoundPage },
    ],
  },
]);
