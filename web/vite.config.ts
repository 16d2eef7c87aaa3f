import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { contentSecurityPolicy } from './build/content-security-policy.ts';

/** Where the API is while one works on the pages: `lectern demo`, or the mock. */
const server = process.env.LECTERN_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), contentSecurityPolicy()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // a data: URI would need a wider policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // hls.js, loaded with the watch page alone
  },
  server: { proxy: { '/api': server, '/p': server } },
  test: { environment: 'node', include: ['src/**/*.test.ts', 'build/**/*.test.ts'] },
});
