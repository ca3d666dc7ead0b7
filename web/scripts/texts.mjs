// The texts in the build: Lingui's macros become calls, and a catalogue (.po) becomes a module of compiled messages.
// English stays in the source; another language's texts are in src/texts/<language>.po (npm run texts).
// Lingui's own Vite plugin asks for an older Vite; this is the part of it that is needed here.
import { transformAsync } from '@babel/core'
import macros from '@lingui/babel-plugin-lingui-macro'
import { createCompiledCatalog, getCatalogForFile, getCatalogs } from '@lingui/cli/api'
import { getConfig } from '@lingui/conf'

const config = getConfig()

async function compiled(id) {
  const { locale, catalog } = getCatalogForFile(id.slice(config.rootDir.length + 1), await getCatalogs(config))
  const own = (await catalog.read(locale)) ?? {}
  const messages = Object.fromEntries(Object.entries(own).filter(([, m]) => m.translation).map(([key, m]) => [key, m.translation]))
  // What is looked up by its English name, because the API says it: the names of kinds and fields, words of states.
  const names = Object.fromEntries(Object.values(own).filter((m) => m.translation && m.origin?.some(([file]) => file.endsWith('names.gen.ts'))).map((m) => [m.message, m.translation]))
  const { source, errors } = createCompiledCatalog(locale, messages, { namespace: 'es', strict: true })
  if (errors.length) throw new Error(`compile ${id}: ${errors.map((e) => `${e.source}: ${e.error.message}`).join('; ')}`)
  return { code: `${source}\nexport const names = ${JSON.stringify(names)}`, map: null }
}

async function expanded(code, id) {
  const parserOpts = { plugins: ['typescript', ...(id.endsWith('x') ? ['jsx'] : [])] }
  const plugins = [[macros, { linguiConfig: config, stripMessageField: false, stripNonEssentialFields: true }]]
  const out = await transformAsync(code, { filename: id, babelrc: false, configFile: false, sourceMaps: true, parserOpts, plugins })
  return { code: out.code, map: out.map }
}

export function texts() {
  return {
    name: 'texts',
    enforce: 'pre',
    transform(code, id) {
      if (id.endsWith('.po')) return compiled(id)
      return /\.tsx?$/.test(id) && code.includes("/macro'") ? expanded(code, id) : null
    },
  }
}
