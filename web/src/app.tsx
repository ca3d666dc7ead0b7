import '@fontsource-variable/source-sans-3/wght.css'
import '@fontsource-variable/source-code-pro/wght.css'
import '@mantine/core/styles.css'
import './tokens.css'
import './base.css'

import { i18n } from '@lingui/core'
import { I18nProvider } from '@lingui/react'
import { MantineProvider, type MantineColorScheme } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { RouterProvider } from 'react-router'

import { queryClient } from './api/queries'
import { schemeManager } from './frame/appearance'
import { router } from './routes'
import { theme } from './theme'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      colorSchemeManager={schemeManager}
      defaultColorScheme={'auto' as MantineColorScheme}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <I18nProvider i18n={i18n}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </I18nProvider>
    </MantineProvider>
  </StrictMode>,
)
