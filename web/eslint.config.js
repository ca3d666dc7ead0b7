import hooks from 'eslint-plugin-react-hooks'
import lingui from 'eslint-plugin-lingui'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist', 'node_modules'] },
  ...tseslint.configs.recommended,
  { files: ['src/**/*.{ts,tsx}'], ...hooks.configs.flat['recommended-latest'] },
  {
    rules: {
      // TanStack's hooks answer functions that must not be memoised; no compiler runs here, so nothing breaks.
      'react-hooks/incompatible-library': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-properties': ['error', { property: 'dangerouslySetInnerHTML', message: 'Foreign strings are text.' }],
      'no-restricted-syntax': ['error', { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Foreign strings are text.' }],
    },
  },
  {
    // Texts are marked, so that every language has them (src/texts). What looks like code is not a text.
    files: ['src/**/*.tsx'],
    plugins: { lingui },
    rules: {
      'lingui/no-unlocalized-strings': [
        'error',
        {
          ignore: [
            '^[^A-Za-z]*$',
            '^[a-z0-9_.:/#?=&;,()$*+<> -]+$',
            '^(/|\\?|#|\\(|\\[)',
            '(^| )(AND|OR)( |$)| != | = ',
            '^(maestro|curl|\\./|\\.\\\\|--)',
            '^[A-Z0-9_-]+$',
          ],
          ignoreNames: ['className', 'd', 'viewBox', 'transform', 'autoComplete', 'href', { regex: { pattern: '^(data-|key$|keys$)' } }],
          ignoreFunctions: ['*.get', '*.querySelector', '*.querySelectorAll', '*.closest', 'useMediaQuery'],
        },
      ],
    },
  },
)
