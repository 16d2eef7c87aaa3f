// Writes `dist/csp.txt`: the Content-Security-Policy header the pages are served with.
//
// media-chrome keeps its styles in `<style>` elements inside shadow roots, which a policy without
// 'unsafe-inline' refuses unless their hashes are listed. The hashes depend on the installed version, so they
// are taken from it at build time; the server sends the text as it stands.

import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';

/** The elements our pages use; each brings its own style. */
const STYLED_MODULES = [
  'media-controller',
  'media-gesture-receiver',
  'media-control-bar',
  'media-chrome-button',
  'media-chrome-range',
  'media-play-button',
  'media-mute-button',
  'media-volume-range',
  'media-time-range',
  'media-preview-thumbnail',
  'media-preview-time-display',
  'media-preview-chapter-display',
  'media-text-display',
  'media-pip-button',
  'media-fullscreen-button',
  'media-airplay-button',
  'media-tooltip',
];

export function contentSecurityPolicy(): Plugin {
  return {
    name: 'lectern-content-security-policy',
    apply: 'build',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'csp.txt', source: policy(await styleHashes()) });
    },
  };
}

export function policy(hashes: string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${hashes.join(' ')}`.trim(),
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self' blob:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
  ].join('; ');
}

export async function styleHashes(): Promise<string[]> {
  const hashes = new Set<string>();
  for (const name of STYLED_MODULES) {
    const exported: Record<string, unknown> = await import(`media-chrome/dist/${name}.js`);
    for (const html of Object.values(exported).flatMap(templates)) {
      for (const [, css] of html.matchAll(/<style>([\s\S]*?)<\/style>/g)) {
        hashes.add(`'sha256-${createHash('sha256').update(css ?? '').digest('base64')}'`);
      }
    }
  }
  return [...hashes].sort();
}

interface Templated {
  getTemplateHTML?: (attributes: Record<string, string>) => string;
}

function templates(exported: unknown): string[] {
  const element = exported as Templated;
  return typeof exported === 'function' && element.getTemplateHTML ? [element.getTemplateHTML({})] : [];
}
