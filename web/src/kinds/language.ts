// What the collector says of the built-in kinds, and the plugins of this repository of themselves, is English; here it
// becomes the language of the page.
import type { Field, KindInfo, Plugin } from '../api/types'
import { named } from '../texts/language'

const field = (f: Field): Field => ({
  ...f,
  ...(f.label ? { label: named(f.label) } : {}),
  ...(f.group ? { group: named(f.group) } : {}),
  ...(f.help ? { help: named(f.help) } : {}),
  ...(f.items ? { items: f.items.map(field) } : {}),
})

export const inLanguage = (kind: KindInfo): KindInfo => ({
  ...kind,
  label: named(kind.label),
  plural: named(kind.plural),
  ...(kind.summary ? { summary: named(kind.summary) } : {}),
  fields: kind.fields.map(field),
  ...(kind.common_fields ? { common_fields: kind.common_fields.map(field) } : {}),
})

export const pluginInLanguage = (plugin: Plugin): Plugin => ({
  ...plugin,
  title: named(plugin.title),
  ...(plugin.summary ? { summary: named(plugin.summary) } : {}),
})
