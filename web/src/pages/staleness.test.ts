import { expect, test } from 'vitest'

import type { Connection } from '../api/types'
import { byPreference, silent } from './Staleness'

test('a silence is said as people set it', () => {
  expect([0, 86_400, 7 * 86_400, 3600, 36 * 3600].map(silent)).toEqual(['never', '1 day', '7 days', '1 hour', '36 hours'])
})

test('of two connections the lower precedence leads, then the older one', () => {
  const c = (name: string, created_at: string, precedence?: number) => ({ name, created_at, precedence }) as Connection
  const list = [c('young', '2026-02-01'), c('last', '2020-01-01', 900), c('old', '2026-01-01'), c('first', '2026-03-01', 10)]
  expect(byPreference(list).map((x) => x.name)).toEqual(['first', 'old', 'young', 'last'])
})
