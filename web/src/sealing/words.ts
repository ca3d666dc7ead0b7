import { t } from '@lingui/core/macro'

/** The states of a sealed credential in the words and colours of the other states. */
export const wordOf = (state: string) => ({ ready: t`ready`, waiting: t`waits for a key`, reenter: t`enter it again`, none: t`not sealed` })[state] ?? state
export const stateOf = (state: string) => ({ ready: 'ok', waiting: 'degraded', reenter: 'failing', none: 'never' })[state] ?? 'never'

/** A new one that is not used yet. */
export const candidateWord = (state: string) => ({ checking: t`being checked`, refused: t`does not work` })[state] ?? state
export const candidateState = (state: string) => ({ checking: 'running', refused: 'failing' })[state] ?? 'never'
