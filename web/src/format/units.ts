// Numbers with their units. What a number counts is said by its field's unit, which the kind's schema states.
import { t } from '@lingui/core/macro'

import { formats } from '../texts/language'
import { duration } from './time'

const group = new Intl.NumberFormat(formats(), { maximumFractionDigits: 2 })

export const count = (n: number) => group.format(n)

/** A number of addresses: exact as far as people read digits, beyond that a power of two. */
export const amount = (n: number) => (n < 1e9 ? count(n) : `2^${String(Number(Math.log2(n).toFixed(1)))}`)

/** "1 server", "1,204 servers". */
export const counted = (n: number, one: string, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`

function scaled(n: number, base: number, units: string[]): string {
  let i = 0
  let v = n
  while (Math.abs(v) >= base && i < units.length - 1) {
    v /= base
    i++
  }
  const digits = i === 0 || Number.isInteger(v) ? 0 : Math.abs(v) < 10 ? 2 : Math.abs(v) < 100 ? 1 : 0
  return `${Number(v.toFixed(digits))} ${units[i]}`
}

export const bytes = (n: number) => scaled(n, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'])

/** A number of the given unit, in the size that reads best. */
export function quantity(n: number, unit: string | undefined): string {
  switch (unit) {
    case undefined:
    case '':
      return count(n)
    case 'bytes':
      return bytes(n)
    case 'bytes/s':
      return `${bytes(n)}/s`
    case 'bit/s':
      return scaled(n, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'])
    case 'MHz':
      return Math.abs(n) >= 1000 ? t`${group.format(n / 1000)} GHz` : t`${count(n)} MHz`
    case 'seconds':
      return duration(n * 1000)
    case '%':
      return `${group.format(n)} %`
    default:
      return `${count(n)} ${unit}`
  }
}

/** Ports, VLANs, MTUs and the like are names made of digits: no thousands separators. */
export function isLabelNumber(path: string): boolean {
  return /(^|[._])(port|vlan_id|asn|pid|uid|gid|year|mtu_bytes)$/.test(path)
}
