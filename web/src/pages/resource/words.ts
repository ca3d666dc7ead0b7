// A relation in words, seen from either end.
import { t } from '@lingui/core/macro'
import { human } from '../../format/text'

const inverse: Record<string, string> = {
  attached_to: 'has attached', member_of: 'has members', runs_on: 'runs', depends_on: 'is needed by', routes_to: 'is routed to by', owned_by: 'owns', contained_in: 'contains', stored_on: 'stores', connected_to: 'connected to', part_of: 'consists of', uses: 'is used by',
}

/** "runs on", or seen from the other end "runs". */
export const relationWords = (direction: string, verb: string) => human(direction === 'out' ? verb : (inverse[verb] ?? `${human(verb).toLowerCase()} ${t`this`}`))
