/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

import { texts } from './scripts/texts.mjs'

// In development the API comes from a collector elsewhere: MAESTRO_URL, or the fixture server (npm run fixture).
const api = process.env['MAESTRO_URL'] ?? 'http://127.0.0.1:7070'

// The pages are loaded once the language is settled; the browser may fetch them meanwhile.
const preload: Plugin = {
  name: 'preload-app',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle }) {
      const chunks = Object.values(bundle ?? {}).filter((c) => c.type === 'chunk')
      const app = chunks.find((c) => c.facadeModuleId?.endsWith('/src/app.tsx'))
      if (!app) return []
      const link = (attrs: Record<string, string | true>) => ({ tag: 'link', attrs: { ...attrs, crossorigin: true }, injectTo: 'head' as const })
      return [...[app.fileName, ...app.imports].map((file) => link({ rel: 'modulepreload', href: '/' + file })), ...[...(app.viteMetadata?.importedCss ?? [])].map((file) => link({ rel: 'stylesheet', href: '/' + file }))]
    },
  },
}

export default defineConfig({
  plugins: [texts(), react(), preload],
  server: { host: '127.0.0.1', proxy: { '/api': { target: api, changeOrigin: true } } },
  build: {
    target: 'es2022',
    // The collector's content security policy allows neither inline scripts nor data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  test: { environment: 'node', setupFiles: ['src/texts/english.ts'], include: ['src/**/*.test.ts'] },
})
