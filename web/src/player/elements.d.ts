// media-chrome's elements, as JSX knows them.

import type { HTMLAttributes, Ref } from 'react';

type MediaElement = HTMLAttributes<HTMLElement> & {
  ref?: Ref<HTMLElement>;
  nohotkeys?: boolean;
  nomutedpref?: boolean;
  noautoseektolive?: boolean;
  noautohide?: boolean;
  autohide?: string;
  defaultstreamtype?: string;
  gesturesdisabled?: boolean;
  notooltip?: boolean;
  tooltipplacement?: string;
  mediacontroller?: string;
  breakpoints?: string;
  class?: string;
  slot?: string;
};

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'media-controller': MediaElement;
      'media-control-bar': MediaElement;
      'media-time-range': MediaElement;
      'media-volume-range': MediaElement;
      'media-play-button': MediaElement;
      'media-mute-button': MediaElement;
      'media-pip-button': MediaElement;
      'media-airplay-button': MediaElement;
      'media-fullscreen-button': MediaElement;
    }
  }
}
