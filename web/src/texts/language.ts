// The language of the pages. English is the source: its texts stand in the code. Another language is a catalogue that
// is loaded before the first page is made; choosing another one loads the page anew, so that texts made once, such as
// the columns of a table, are never of two languages.
import { i18n, type Messages } from '@lingui/core'
import { compileMessage } from '@lingui/message-utils/compileMessage'

import { remembered } from '../frame/appearance'

export const languages = [
  { id: 'en', name: 'English', formats: 'en-GB' },
  { id: 'pt', name: 'Português', formats: 'pt-BR' },
] as const
export type Language = (typeof languages)[number]['id']

const catalogues: Record<Exclude<Language, 'en'>, () => Promise<{ messages: Messages; names: Record<string, string> }>> = {
  pt: () => import('./pt.po'),
}

const find = (tag: string | null) => languages.find((l) => tag?.toLowerCase().split('-')[0] === l.id)

let names: ReadonlyMap<string, string> = new Map()

/** What the API calls a kind, a field or a state, in the language of the page; what is not known stays as it is. */
export const named = (english: string) => names.get(english) ?? english

/** What the reader chose in this browser, else the first of the browser's languages that there is. */
export function languageWanted(): Language {
  const chosen = find(remembered.read('maestro.language'))
  return (chosen ?? navigator.languages.map(find).find(Boolean))?.id ?? 'en'
}

/** How numbers and dates are written in the language of the page. */
export const formats = () => find(i18n.locale)?.formats ?? 'en-GB'

export function speak(language: Language, messages: Messages = {}) {
  const known = new Map<string, ReturnType<typeof compileMessage>>()
  i18n.setMessagesCompiler((text) => {
    const made = known.get(text) ?? compileMessage(text)
    known.set(text, made)
    return made
  })
  i18n.loadAndActivate({ locale: language, messages })
}

/** Without its catalogue a language cannot be spoken: then it is English, so that the pages work. */
export async function start() {
  const wanted = languageWanted()
  if (wanted === 'en') return speak('en')
  try {
    const catalogue = await catalogues[wanted]()
    names = new Map(Object.entries(catalogue.names))
    speak(wanted, catalogue.messages)
    document.documentElement.lang = formats()
  } catch {
    speak('en')
  }
}

export function choose(language: Language) {
  remembered.write('maestro.language', language)
  location.reload()
}

/** The language that somebody chose elsewhere, in a browser where nobody has chosen one. */
export function adopt(language: string | undefined) {
  const own = find(language ?? null)
  if (!own || own.id === i18n.locale || remembered.read('maestro.language')) return
  remembered.write('maestro.language', own.id)
  if (remembered.read('maestro.language') === own.id) location.reload()
}
