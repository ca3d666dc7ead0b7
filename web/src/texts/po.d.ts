declare module '*.po' {
  export const messages: import('@lingui/core').Messages
  /** Names and words that the API says in English. */
  export const names: Record<string, string>
}
