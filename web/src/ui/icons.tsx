// The few icons of the pages, drawn on a 20 × 20 grid. Decorative: the words stand beside them or in a label.

import type { ReactNode } from 'react';

function Icon({ children, fill = false }: { children: ReactNode; fill?: boolean }) {
  return (
    <svg
      viewBox="0 0 20 20"
      aria-hidden="true"
      focusable="false"
      fill={fill ? 'currentColor' : 'none'}
      stroke={fill ? 'none' : 'currentColor'}
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

export const Alert = () => (
  <Icon>
    <path d="M10 3.2 17.6 16.4H2.4ZM10 8.2v3.6M10 14v.1" />
  </Icon>
);
export const Check = () => (
  <Icon>
    <path d="m4.5 10.5 3.7 3.7 7.3-8" />
  </Icon>
);
export const Copy = () => (
  <Icon>
    <rect x="7" y="7" width="9.5" height="9.5" rx="2" />
    <path d="M13 4.5a1 1 0 0 0-1-1H5.5a2 2 0 0 0-2 2V12a1 1 0 0 0 1 1" />
  </Icon>
);
export const Eye = () => (
  <Icon>
    <path d="M1.8 10S4.8 4.5 10 4.5 18.2 10 18.2 10 15.2 15.5 10 15.5 1.8 10 1.8 10Z" />
    <circle cx="10" cy="10" r="2.4" />
  </Icon>
);
export const EyeOff = () => (
  <Icon>
    <path d="M7.5 4.9A8 8 0 0 1 10 4.5c5.2 0 8.2 5.5 8.2 5.5a14 14 0 0 1-2.4 3M4.6 6.4A13 13 0 0 0 1.8 10s3 5.5 8.2 5.5a8 8 0 0 0 3.4-.8M3 3l14 14" />
  </Icon>
);
export const Turn = () => (
  <Icon>
    <path d="M16.5 10a6.5 6.5 0 1 1-2-4.7L16.5 7M16.5 3v4h-4" />
  </Icon>
);
export const Clock = () => (
  <Icon>
    <circle cx="10" cy="10" r="7.2" />
    <path d="M10 5.8V10l2.8 2" />
  </Icon>
);
export const Person = () => (
  <Icon>
    <circle cx="10" cy="6.8" r="3.3" />
    <path d="M3.5 17c.6-3.4 3.2-5.2 6.5-5.2s5.9 1.8 6.5 5.2" />
  </Icon>
);
export const Plus = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
);
export const Camera = () => (
  <Icon>
    <rect x="1.8" y="5" width="11.4" height="10" rx="2.2" />
    <path d="m13.2 9 5-2.6v7.2l-5-2.6" />
  </Icon>
);
export const Sliders = () => (
  <Icon>
    <path d="M2.5 6.2h8M15 6.2h2.5M2.5 13.8h2.5M9.5 13.8h8" />
    <circle cx="12.7" cy="6.2" r="2.1" />
    <circle cx="7.2" cy="13.8" r="2.1" />
  </Icon>
);
export const Keyboard = () => (
  <Icon>
    <rect x="1.8" y="5" width="16.4" height="10.5" rx="2" />
    <path d="M5 8.3h.1M8.3 8.3h.1M11.7 8.3h.1M15 8.3h.1M6.5 12.2h7" />
  </Icon>
);
export const Sound = () => (
  <Icon>
    <path d="M3 7.8v4.4h2.8L9.5 15.5v-11L5.8 7.8ZM12.5 7.2a4 4 0 0 1 0 5.6M14.8 5a7 7 0 0 1 0 10" />
  </Icon>
);
export const SoundOff = () => (
  <Icon>
    <path d="M3 7.8v4.4h2.8L9.5 15.5v-11L5.8 7.8ZM13 8l4 4M17 8l-4 4" />
  </Icon>
);
export const Play = () => (
  <Icon fill>
    <path d="M6 3.7v12.6a.8.8 0 0 0 1.2.7l10-6.3a.8.8 0 0 0 0-1.4l-10-6.3a.8.8 0 0 0-1.2.7Z" />
  </Icon>
);
export const Back10 = () => (
  <Icon>
    <path d="M4.2 6.2A7 7 0 1 1 3 10M3.8 2.7v3.7h3.7" />
    <path d="M7.9 8.3v4.2M10.6 9.6c0-.9.6-1.4 1.3-1.4s1.3.5 1.3 1.4v1.7c0 .9-.6 1.4-1.3 1.4s-1.3-.5-1.3-1.4Z" strokeWidth="1.2" />
  </Icon>
);
export const Arrow = () => (
  <Icon>
    <path d="M4 10h12M11 5l5 5-5 5" />
  </Icon>
);
