// A relation in words, seen from either end.
import { t } from '@lingui/core/macro'
import { human } from '../../format/text'

const inverse: Record<string, string> = {
  attached_to: t`Has attached`, member_of: t`Has members`, runs_on: t`Runs`, depends_on: t`Is needed by`, routes_to: t`Is routed to by`, owned_by: t`Owns`, contained_in: t`Contains`, stored_on: t`Stores`, connected_to: t`Connected to`, part_of: t`Consists of`, uses: t`Is used by`,
}

/** "Runs on", or seen from the other end "Runs". */
export const relationWords = (direction: string, verb: string) => (direction === 'out' ? human(verb) : (inverse[verb] ?? t`${human(verb)} this`))
