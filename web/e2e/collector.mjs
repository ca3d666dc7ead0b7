// A collector of a test's own: it may be configured, killed and started again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { patience } from './browser.mjs'

const binary = process.env.MAESTRO_E2E_COLLECTOR ?? fileURLToPath(new URL('../../bin/maestro-collector', import.meta.url))

/** Why a test that needs one is skipped; never where tests have to run. */
export const missing = process.env.MAESTRO_E2E_REQUIRED === '1' || (await access(binary).then(() => true, () => false)) ? false : `${binary} is not built`

/** `start(settings)` waits until it listens and answers its address; `stop` kills it; `remove` takes its folder away too. */
export async function ownCollector() {
  const folder = await mkdtemp(join(tmpdir(), 'maestro-own-'))
  let child
  const stop = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await ended
  }
  /** What it said is told when it does not become ready. */
  const start = async (settings) => {
    const ready = join(folder, 'ready.json')
    await rm(ready, { force: true })
    await writeFile(join(folder, 'collector.json'), JSON.stringify({ data_dir: join(folder, 'data'), agent_listen: '127.0.0.1:0', ready_file: ready, ...settings }))
    let said = ''
    child = spawn(binary, ['serve', '--config', join(folder, 'collector.json')], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const out of [child.stdout, child.stderr]) out.on('data', (d) => { said += d })
    const late = Date.now() + patience
    for (;;) {
      const text = await readFile(ready, 'utf8').catch(() => '')
      if (text) return JSON.parse(text).url
      assert.equal(child.exitCode, null, said)
      assert.ok(Date.now() < late, `the collector does not become ready: ${said}`)
      await new Promise((r) => setTimeout(r, 50))
    }
  }
  const admin = async () => JSON.parse(await readFile(join(folder, 'data', 'initial-admin.json'), 'utf8'))
  const remove = async () => {
    await stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { folder, start, stop, admin, remove }
}
