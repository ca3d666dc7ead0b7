import { expect, test } from 'vitest'

import { Problem } from '../api/problem'
import { codeAsked, runsOf } from './Code'

test('a row of a QR code is drawn as few dark bars', () => {
  expect(runsOf('1110100')).toEqual([[0, 3], [4, 1]])
  expect(runsOf('0000')).toEqual([])
  expect(runsOf('0001')).toEqual([[3, 1]])
})

test('only the collector asks for a code', () => {
  expect(codeAsked(new Problem({ status: 401, title: '', type: 'urn:maestro:problem:code-needed' }, ''))).toBe('needed')
  expect(codeAsked(new Problem({ status: 401, title: '', type: 'urn:maestro:problem:code-wrong' }, ''))).toBe('wrong')
  expect(codeAsked(new Problem({ status: 401, title: '' }, ''))).toBeNull()
  expect(codeAsked(new Error('code-needed'))).toBeNull()
})
