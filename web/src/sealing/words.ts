/** The states of a sealed credential in the words and colours of the other states. */
export const wordOf = (state: string) => ({ ready: 'ready', waiting: 'waits for a key', reenter: 'enter it again', none: 'not sealed' })[state] ?? state
export const stateOf = (state: string) => ({ ready: 'ok', waiting: 'degraded', reenter: 'failing', none: 'never' })[state] ?? 'never'
