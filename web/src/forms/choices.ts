// What a setting may be, as the provider says: asked for by way of agent and plugin, and waited for.
import { useEffect, useRef, useState } from 'react'

import { api } from '../api/client'
import type { ChoicesResult } from '../api/types'

/** Who is asked, with what; nothing where nobody can be. */
export interface Asker {
  provider: string
  /** Pointers that the plugin answers for. */
  settings: string[]
  agent: string
  /** A connection that lends its sealed credential. */
  connection: string
  credential: string
}

export interface Asked {
  busy: boolean
  result?: ChoicesResult
  error?: unknown
}

/** Each question waits for the agent for a while; after three of them the form says that there was no answer. */
const questions = 3

export function useChoices(by: Asker | undefined, setting: string, value: unknown) {
  const [asked, setAsked] = useState<Asked | null>(null)
  // An answer that comes after the form was left, or after another question, is nobody's.
  const turn = useRef(0)
  useEffect(() => () => void turn.current++, [])
  const ask = async () => {
    if (!by) return
    const mine = ++turn.current
    const tell = (next: Asked) => { if (mine === turn.current) setAsked(next) }
    tell({ busy: true })
    const body = { setting, settings: value ?? {}, agent: by.agent, ...(by.connection ? { connection: by.connection } : {}), ...(by.credential ? { credential: by.credential } : {}) }
    try {
      let result: ChoicesResult = { state: 'pending' }
      for (let tries = 0; tries < questions && result.state === 'pending' && mine === turn.current; tries++) {
        result = await api.post('/api/v1/plugins/{provider}/choices', { path: { provider: by.provider }, body })
      }
      tell({ busy: false, result })
    } catch (error) {
      tell({ busy: false, error })
    }
  }
  return { asked, ask }
}
