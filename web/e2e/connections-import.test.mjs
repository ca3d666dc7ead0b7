// Many connections of one table, in a real browser: looked at, made, sealed, and given again.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const demo = JSON.parse(await readFile(join(dirname(process.env.MAESTRO_E2E_DEV_JSON), 'demo-ready.json'), 'utf8'))
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`many connections are made of a table, at ${viewport.width} px`, async () => {
    const name = unique('many')
    const { page, go, close } = await open(browser, facts, { viewport })
    const sent = []
    page.on('request', (r) => sent.push(r.postData() ?? ''))
    const mine = async () => (await ask(facts, '/connections?page_size=1000')).items.filter((c) => c.name.startsWith(name))
    try {
      const rows = Array.from({ length: 25 }, (_, i) => `${name}-${String(i).padStart(2, '0')},vsphere,${i === 7 ? 'nowhere at all' : ''},${demo.url},${demo.thumbprint},yes`)
      const table = ['name,provider,datacenter,url,thumbprint,paused', ...rows].join('\n')
      await go('/connections')
      await page.getByRole('link', { name: 'Many at once' }).click()
      await fit(page, 'empty')
      const text = page.getByLabel('Rows')
      // A table with a secret stays in the browser.
      await text.fill(`${table}\n# VSPHERE_PASSWORD ${demo.password}`)
      await page.getByText('It names VSPHERE_PASSWORD.').waitFor()
      assert.ok(await page.getByRole('button', { name: 'Look at it first' }).isDisabled())
      await text.fill(table)
      await page.getByRole('button', { name: 'Look at it first' }).click()
      const result = page.getByTestId('imported')
      await result.getByText('24 would be made').waitFor()
      await result.getByText('1 refused').waitFor()
      await result.getByText('"nowhere at all" is not there').waitFor()
      assert.equal((await mine()).length, 0, 'a look makes nothing')
      await fit(page, 'looked at')
      await page.screenshot({ path: join(process.env.MAESTRO_E2E_SHOTS ?? '/tmp', `import-${viewport.width}.png`), fullPage: true })
      await page.getByRole('button', { name: 'Do these 24 rows' }).click()
      await result.getByText('24 made').waitFor()
      assert.equal((await mine()).length, 24)
      // One credential for all of them, encrypted here.
      await page.getByRole('button', { name: 'Enter one credential for 24 connections' }).click()
      await page.getByRole('textbox', { name: 'User name', exact: true }).fill(demo.username)
      await page.getByRole('textbox', { name: 'Password', exact: true }).fill(demo.password)
      await page.getByRole('button', { name: 'Seal it for 24 connections' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      const ids = new Set((await mine()).map((c) => c.id))
      const sealed = (await ask(facts, '/sealed-credentials?page_size=1000')).items.filter((x) => ids.has(x.id))
      assert.ok(sealed.length === 24 && sealed.every((x) => x.state === 'ready'), 'all are sealed')
      assert.ok(!sent.join('\n').includes(demo.password), 'the password left the browser')
      // The same table again, with one row other than before.
      await text.fill(table.replace('nowhere at all', '').replace(`${name}-03,vsphere,,${demo.url},${demo.thumbprint},yes`, `${name}-03,vsphere,,${demo.url},${demo.thumbprint},no`))
      await page.getByRole('button', { name: 'Look at it first' }).click()
      await result.getByText('23 is as it should be').waitFor()
      await result.getByText('1 would be changed').waitFor()
      await result.getByText('1 would be made').waitFor()
      await close()
    } finally {
      for (const c of await mine()) await send(facts, 'DELETE', `/connections/${c.id}`)
    }
  })
}
