// Runs all browser tests in rows side by side. Those that walk every page and change nothing are a row. The others share an
// inventory, so they go one after the other; with a second collector (MAESTRO_E2E_DEV_JSON_2) they are two rows, each of
// which takes the next file when it is done with one. What a file says is told when it is over. Up to three files that fail are
// run once more when all else is over, by themselves, and told as a warning: the machine is not ours and may be busy.
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { serverFacts } from './browser.mjs'
import { makeTwins } from './twins.mjs'

/** Nothing they see depends on what others do meanwhile. */
const readers = ['pages.test.mjs', 'depth.test.mjs']

/** More failed files than this are no accident of a busy machine. */
const mostAgain = 3

const folder = fileURLToPath(new URL('.', import.meta.url))
const children = new Set()
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopped = true
    children.forEach((c) => c.kill(signal))
  })
}

function run(file, env) {
  const reporters = ['spec', `${folder}slowest.mjs`].flatMap((r) => [`--test-reporter=${r}`, '--test-reporter-destination=stdout'])
  const child = spawn(process.execPath, ['--test', ...reporters, folder + file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const said = []
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => said.push(d))
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => {
      children.delete(child)
      process.stdout.write(Buffer.concat([Buffer.from(`${file}\n`), ...said]))
      done(code === 0)
    })
  })
}

/** Takes one file after the other from the queue; answers those that failed. */
async function row(env, queue) {
  const failed = []
  for (let file = queue.shift(); file && !stopped; file = queue.shift()) if (!(await run(file, env))) failed.push(file)
  return failed
}

const servers = [process.env.MAESTRO_E2E_DEV_JSON, process.env.MAESTRO_E2E_DEV_JSON_2].filter((path, i) => i === 0 || path)
const envs = await Promise.all(servers.map(async (path) => ({ ...process.env, MAESTRO_E2E_DEV_JSON: path, MAESTRO_E2E_TWINS: JSON.stringify(await makeTwins(await serverFacts(path))) })))
const others = (await readdir(folder)).filter((f) => f.endsWith('.test.mjs') && !readers.includes(f)).sort()
let failed = (await Promise.all([row(envs.at(-1), [...readers]), ...envs.map((env) => row(env, others))])).flat()
if (failed.length > 0 && failed.length <= mostAgain && !stopped) {
  console.log(`---- once more, alone: ${failed.join(', ')}`)
  const again = await row(envs[0], [...failed])
  const passed = failed.filter((file) => !again.includes(file))
  if (passed.length) console.log(`WARNING: passed only when asked again: ${passed.join(', ')}`)
  failed = again
}
if (failed.length) console.log(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length || stopped ? 1 : 0
