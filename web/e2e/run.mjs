// Runs all browser tests, in two rows side by side: those that walk every page and change nothing, and all the others, one
// file after the other, because they share one inventory. What a row says is told when it is its turn.
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { serverFacts } from './browser.mjs'
import { makeTwins } from './twins.mjs'

/** They take half of the time, and nothing they see depends on what others do meanwhile. */
const readers = ['pages.test.mjs']

const folder = fileURLToPath(new URL('.', import.meta.url))
const env = { ...process.env, MAESTRO_E2E_TWINS: JSON.stringify(await makeTwins(await serverFacts())) }
const children = new Set()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => children.forEach((c) => c.kill(signal)))

/** One row of files; what it says is shown at once, or kept for later. */
function row(files, shown) {
  const reporters = ['spec', `${folder}slowest.mjs`].flatMap((r) => [`--test-reporter=${r}`, '--test-reporter-destination=stdout'])
  const child = spawn(process.execPath, ['--test', '--test-concurrency=1', ...reporters, ...files.map((f) => folder + f)], { env, stdio: ['ignore', shown ? 'inherit' : 'pipe', 'inherit'] })
  children.add(child)
  const said = []
  child.stdout?.on('data', (d) => said.push(d))
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done({ code: code ?? 1, said: Buffer.concat(said) }))
  })
}

const all = (await readdir(folder)).filter((f) => f.endsWith('.test.mjs')).sort()
const rows = await Promise.all([row(all.filter((f) => !readers.includes(f)), true), row(readers, false)])
process.stdout.write(rows[1].said)
process.exitCode = rows.some((r) => r.code !== 0) ? 1 : 0
