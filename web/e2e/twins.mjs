// Pairs of servers that may be one: the collector looks for such a minute after they have come, so run.mjs makes them before
// all tests, and those about them need not wait. A file that is run by itself makes its own.
import { make, unique } from './tools.mjs'

const pairs = {
  apart: async (facts) => {
    const one = unique('twin')
    const ip = address('198.51.100')
    const a = await make(facts, 'server', { name: one, attributes: { primary_ip: ip } })
    await make(facts, 'server', { name: `${one}-b`, attributes: { primary_ip: ip } })
    return { one, a, ip }
  },
  merged: async (facts) => {
    const name = unique('double')
    const ip = address('203.0.113')
    const older = await make(facts, 'server', { name, attributes: { primary_ip: ip, cpu_count: 4 } })
    const newer = await make(facts, 'server', { name: `${name}-b`, attributes: { primary_ip: ip, memory_bytes: 8589934592 } })
    return { name, older, newer }
  },
}

const address = (net) => `${net}.${1 + Math.floor(Math.random() * 250)}`

/** All pairs, for the tests to come. */
export async function makeTwins(facts) {
  const made = {}
  for (const [which, make] of Object.entries(pairs)) made[which] = await make(facts)
  return made
}

/** A pair that was made beforehand, or is made now. */
export const twinsOf = async (facts, which) => JSON.parse(process.env.MAESTRO_E2E_TWINS ?? '{}')[which] ?? pairs[which](facts)
