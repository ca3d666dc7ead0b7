// The reader's choice of light or dark and of an accent. It is kept in this browser; public/appearance.js applies
// it before the first paint.
import type { MantineColorScheme, MantineColorSchemeManager } from '@mantine/core'

export const accents = ['brass', 'lotus', 'gold', 'wine', 'blue', 'green', 'orange'] as const
export type Accent = (typeof accents)[number]

function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function write(key: string, value: string) {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Forbidden storage only means that the choice is forgotten.
  }
}

export const remembered = { read, write }

export const schemeManager: MantineColorSchemeManager = {
  get: (fallback) => {
    const v = read('maestro.scheme')
    return v === 'light' || v === 'dark' || v === 'auto' ? v : fallback
  },
  set: (value: MantineColorScheme) => write('maestro.scheme', value),
  subscribe: () => {},
  unsubscribe: () => {},
  clear: () => {},
}

export const accentNow = () => (document.documentElement.getAttribute('data-accent') ?? 'brass') as Accent

export function setAccent(a: Accent) {
  document.documentElement.setAttribute('data-accent', a)
  write('maestro.accent', a)
}
