/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// In development the API comes from a collector elsewhere: MAESTRO_URL, or the fixture server (npm run fixture).
const api = process.env['MAESTRO_URL'] ?? 'http://127.0.0.1:7070'

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', proxy: { '/api': { target: api, changeOrigin: true } } },
  build: {
    target: 'es2022',
    // The collector's content security policy allows neither inline scripts nor data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
