// Every language says everything that English says, with the same things put into it.
import { getCatalogs } from '@lingui/cli/api'
import { getConfig } from '@lingui/conf'
import { compileMessage } from '@lingui/message-utils/compileMessage'
import { beforeAll, describe, expect, test } from 'vitest'

import accountLetters from '../../../collector/internal/access/texts/pt.tmpl?raw'
import noticeLetters from '../../../collector/internal/notify/texts/pt.tmpl?raw'
import explanations from '../../../collector/internal/words/explain.pt.json'
import refusals from '../../../collector/internal/words/pt.json'
import brazilian from './brazilian.json'

interface Entry {
  message: string
  translation: string
}

/** What is put into a text: values, tags, and the numbers that plurals go by. */
function parts(text: string): string[] {
  const found = new Set<string>()
  const look = (token: unknown): void => {
    if (typeof token === 'string') for (const tag of token.matchAll(/<\/?\d+\/?>/g)) found.add(tag[0])
    else if (Array.isArray(token)) token.forEach((one) => (Array.isArray(one) ? (found.add(String(one[0])), Object.values((one[2] as object | undefined) ?? {}).forEach(look)) : look(one)))
  }
  look(compileMessage(text))
  return [...found].sort()
}

describe('pt', () => {
  const config = getConfig()
  let said: Entry[] = []
  let asked: string[] = []
  beforeAll(async () => {
    const [catalogue] = await getCatalogs(config)
    said = Object.values((await catalogue!.read('pt')) ?? {}) as Entry[]
    asked = Object.values((await catalogue!.collect()) ?? {}).map((m) => m.message ?? '')
  }, 120_000)

  test('translates every text of the source', () => {
    const known = new Set(said.filter((e) => e.translation).map((e) => e.message))
    expect(asked.length).toBeGreaterThan(1500)
    expect(asked.filter((text) => !known.has(text)), 'npm run texts, then translate what is empty in src/texts/pt.po').toEqual([])
  })

  test('puts the same into each of them', () => {
    expect(said.filter((e) => e.translation && parts(e.message).join() !== parts(e.translation).join()).map((e) => e.message)).toEqual([])
  })

  test('keeps the blanks at their ends, since some are put together', () => {
    const ends = (text: string) => [/^\s/.test(text), /\s$/.test(text)].join()
    expect(said.filter((e) => e.translation && ends(e.message) !== ends(e.translation)).map((e) => e.message)).toEqual([])
  })

  test('speaks the Portuguese of Brazil, in the collector’s texts too', () => {
    const words = Object.entries(brazilian).map(([european, say]) => [new RegExp(`(?<!\\p{L})(?:${european})(?!\\p{L})`, 'iu'), say] as const)
    const wrong = (text: string) => words.flatMap(([word, say]) => (word.test(text) ? [`${word.exec(text)![0]} (${say}): ${text}`] : []))
    expect(wrong('O ficheiro do Utilizador foi registado.')).toHaveLength(3)
    expect(wrong('Os registros do usuário estão no arquivo, no Active Directory.')).toEqual([])
    const texts = [...said.map((e) => e.translation), ...Object.values(refusals), ...Object.values(explanations), ...`${accountLetters}\n${noticeLetters}`.split('\n')]
    expect(texts.length).toBeGreaterThan(said.length + 500)
    expect(texts.flatMap(wrong)).toEqual([])
  })
})
