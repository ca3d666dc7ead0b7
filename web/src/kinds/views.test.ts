import { expect, it } from 'vitest'

import type { View } from '../api/types'
import { addressOfView, byKind } from './views'

const view = (kind: string, name: string, more: Partial<View> = {}) => ({ id: `${kind}-${name}`, kind, name, ...more }) as View

it('has all of a view in its address', () => {
  expect(addressOfView(view('server', 'a', { filter: 'name = "x y"', order_by: 'name desc', columns: ['name', 'tags.env'], pinned: 1 })))
    .toBe('/inventory/server?view=server-a&filter=name+%3D+%22x+y%22&order_by=name+desc&columns=name%2Ctags.env&pinned=1')
  expect(addressOfView(view('aws.thing', 'a'))).toBe('/inventory/aws.thing?view=aws.thing-a')
})

it('groups views by the kinds that there are', () => {
  const groups = byKind([view('volume', 'z'), view('server', 'b'), view('server', 'a'), view('lost', 'x')], [{ name: 'server' }, { name: 'volume' }, { name: 'empty' }])
  expect(groups.map((g) => [g.kind.name, g.views.map((v) => v.name)])).toEqual([['server', ['a', 'b']], ['volume', ['z']]])
})
