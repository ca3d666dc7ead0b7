// The language of the pages: chosen in the settings or by the browser, kept, the same for texts, names, numbers and dates.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const heading = (page) => page.getByRole('heading', { level: 1 }).first().innerText()

test('a language is chosen by a click and kept; names of kinds and fields follow, what was discovered does not', async () => {
  const { page, go, close } = await open(browser, facts)
  await go('/settings')
  assert.equal(await heading(page), 'Settings')
  await page.getByRole('radiogroup', { name: 'Language' }).getByText('Português').click()
  await page.getByRole('heading', { level: 1, name: 'Configurações' }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR')
  await go('/inventory/server')
  await settled(page)
  assert.equal(await heading(page), 'Servidores')
  const headers = await page.getByRole('columnheader').allInnerTexts()
  assert.ok(headers.some((h) => h.includes('Nome')) && headers.some((h) => h.includes('Memória')), headers.join())
  const { items } = await send(facts, 'GET', '/resources/server?page_size=1&order_by=name')
  assert.ok((await page.locator('tbody').innerText()).includes(items[0].name), 'what things are called stays as it is')
  await fit(page, 'a table in Portuguese')
  await go('/settings')
  await page.getByRole('radiogroup', { name: 'Idioma' }).getByText('English').click()
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en')
  await close()
})

test('who never chose gets what the browser asks for, from the sign-in page on', async () => {
  const context = await browser.newContext({ locale: 'pt-BR' })
  const page = await context.newPage()
  await page.goto(facts.url + '/')
  await page.getByRole('button', { name: 'Entrar' }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'pt-BR')
  await context.close()
})

test('a catalogue that does not come leaves the pages in English', async () => {
  const context = await browser.newContext({ locale: 'pt-BR' })
  const page = await context.newPage()
  await page.route(/\/assets\/pt-.*\.js$/, (route) => route.abort())
  await page.goto(facts.url + '/')
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  await context.close()
})

test('what the collector and its plugins call things is said in Portuguese too, and a sentence in English is left nowhere', async () => {
  const { page, go, close } = await open(browser, facts, { locale: 'pt-BR' })
  // Whatever the account has chosen in another browser.
  await page.addInitScript(() => localStorage.setItem('maestro.language', 'pt'))
  const { items: connections } = await send(facts, 'GET', '/connections')
  const vsphere = connections.find((c) => c.provider === 'vsphere')
  const says = [
    ['/settings', 'Tipos de aplicações'],
    ['/settings/roles', 'Pode fazer tudo.'],
    ['/mapping', 'ambiente a partir de tags'],
    ['/why?name=nosuchthing&kind=server', 'O inventário não o conhece'],
    ['/changes?tab=audit', 'Entrar'],
    ...(vsphere ? [[`/connections/${vsphere.id}/edit`, 'Aceitar qualquer certificado']] : []),
  ]
  for (const [path, text] of says) {
    await go(path)
    await page.locator('main').getByText(text).first().waitFor()
    // What people and providers call things stands in <bdi>.
    const english = await page.evaluate(() => {
      const words = /(?<![\p{L}_.-])(?:the|of|is|are|was|not|to|with|this|from|and|been|has|what|who|when)(?![\p{L}_.-])/giu
      const found = []
      const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
      while (walk.nextNode()) {
        const { data, parentElement } = walk.currentNode
        if (!parentElement.closest('bdi, code, pre, style, script') && new Set(data.toLowerCase().match(words)).size > 1) found.push(data)
      }
      return found
    })
    assert.deepEqual(english, [], path)
  }
  await close()
})
