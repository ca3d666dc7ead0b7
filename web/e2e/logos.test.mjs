// Logos, in a real browser: the installation's stands on every page and before the sign-in, and what is no picture is refused.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { deflateSync } from 'node:zlib'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open } from './tools.mjs'

const facts = await serverFacts()
let browser
let folder
before(async () => {
  browser = await launch()
  folder = await mkdtemp(join(tmpdir(), 'maestro-logo-'))
})
after(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

/** A PNG of a teal bar with see-through corners. */
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c >>> 0 })
  const crc = (b) => { let c = 0xffffffff; for (const x of b) c = table[(c ^ x) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0 }
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length)
    body.copy(out, 4)
    out.writeUInt32BE(crc(body), body.length + 4)
    return out
  }
  const rows = Buffer.alloc((width * 4 + 1) * height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const corner = Math.min(x, width - 1 - x) + Math.min(y, height - 1 - y) < 12
    rows.set(corner ? [0, 0, 0, 0] : [11, 122, 117, 255], y * (width * 4 + 1) + 1 + x * 4)
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 6, 0, 0, 0], 8)
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

const loaded = (img) => img.evaluate((it) => it.complete && it.naturalWidth > 0)

test('the logo of the installation is on every page and before the sign-in', async (t) => {
  const good = join(folder, 'logo.png')
  const bad = join(folder, 'logo.svg.png')
  await writeFile(good, png(600, 150))
  await writeFile(bad, '<svg onload="alert(1)"></svg>')
  const { page, go, close } = await open(browser, facts)
  const dialog = page.getByRole('dialog', { name: /^Logo of / })
  const choose = async (file) => {
    const chooser = page.waitForEvent('filechooser')
    await dialog.getByRole('button', { name: 'Choose a picture' }).click()
    await (await chooser).setFiles(file)
  }
  await go('/settings/tenants')
  await page.getByRole('button', { name: /^Actions for / }).first().click()
  await page.getByRole('menuitem', { name: 'Logo' }).click()
  await choose(bad)
  await dialog.getByText('This is no PNG, JPEG, GIF or WebP picture.').waitFor()
  await choose(good)
  t.after(() => fetch(`${facts.url}/api/v1/tenants/default/logo`, { method: 'DELETE', headers: { Authorization: `Bearer ${facts.api_token}` } }))
  await dialog.getByRole('img', { name: 'On dark' }).waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  const brand = page.getByRole('link', { name: 'Maestro, overview' }).locator('img')
  await brand.waitFor()
  assert.ok(await loaded(brand), 'the logo in the header is shown')
  const box = await brand.boundingBox()
  assert.ok(box.height <= 34 && box.width > box.height, `it fits the header: ${JSON.stringify(box)}`)
  await fit(page, 'tenants with a logo')
  for (const scheme of ['light', 'dark']) for (const width of [1440, 390]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 860 })
    await settled(page)
  }
  await fit(page, 'tenants with a logo on a phone')
  await close()

  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const outside = await context.newPage()
  await outside.goto(facts.url)
  await outside.getByLabel('User name').waitFor()
  const logo = outside.locator('main img')
  await logo.waitFor()
  assert.ok(await loaded(logo), 'the logo on the sign-in page is shown')
  await outside.getByRole('heading', { level: 1, name: 'Maestro' }).waitFor({ state: 'attached' })
  await context.close()
})
