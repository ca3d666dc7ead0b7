// Says what a browser loads before the first page shows, and refuses more than the budget.
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'

const budget = 350 * 1024
const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'))

const seen = new Set()
const visit = (key) => {
  if (seen.has(key)) return
  seen.add(key)
  for (const next of manifest[key].imports ?? []) visit(next)
}
visit('index.html')
visit('src/app.tsx')

let js = 0
let css = 0
for (const key of seen) {
  js += gzipSync(await readFile(new URL(manifest[key].file, dist))).length
  for (const file of manifest[key].css ?? []) css += gzipSync(await readFile(new URL(file, dist))).length
}
const kb = (n) => `${(n / 1024).toFixed(1)} kB`
console.log(`initial JavaScript ${kb(js)} gzipped (budget ${kb(budget)}), initial CSS ${kb(css)} gzipped`)
if (js > budget) {
  console.error('The first load is over its budget: load the new part lazily.')
  process.exit(1)
}
