// How a person states a relation: at the resource that the edge goes out of.
import { api } from '../../api/client'
import type { KindInfo, Resource } from '../../api/types'

export type One = Pick<Resource, 'kind' | 'id' | 'name'>
/** A kind's own word for an edge, such as a server's "volumes". */
export type Alias = NonNullable<KindInfo['relations']>[number]

export async function relate(of: Pick<One, 'kind' | 'id'>, a: Alias, other: Pick<One, 'kind' | 'id'>) {
  const [from, to] = a.direction === 'out' ? [of, other] : [other, of]
  await api.post('/api/v1/resources/{kind}/{id}/relations', { path: { kind: from.kind, id: from.id }, body: { verb: a.verb, target: { kind: to.kind, id: to.id } } })
}
