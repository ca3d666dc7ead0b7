import { formatter } from '@lingui/format-po'

// The one catalogue of the texts: English stands in the source, every other language in src/texts/<language>.po.
export default {
  sourceLocale: 'en',
  locales: ['pt'],
  catalogs: [{ path: '<rootDir>/src/texts/{locale}', include: ['<rootDir>/src'], exclude: ['**/*.test.ts'] }],
  format: formatter({ lineNumbers: false }),
}
