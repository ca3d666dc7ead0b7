import { describe, expect, it } from 'vitest'

import { carried, readTyped, understood, wanted, writeTyped } from './typed'

describe('what is typed where a number with a unit is wanted', () => {
  it.each([
    ['32 GiB', 'bytes', 34_359_738_368],
    ['512 MB', 'bytes', 512_000_000],
    ['16g', 'bytes', 17_179_869_184],
    ['1.5 GiB', 'bytes', 1_610_612_736],
    ['1,5 GiB', 'bytes', 1_610_612_736],
    ['1.1 GiB', 'bytes', 1_181_116_006],
    ['34359738368', 'bytes', 34_359_738_368],
    ['34,359,738,368', 'bytes', 34_359_738_368],
    [' 4 096 bytes ', 'bytes', 4096],
    ['2TiB', 'bytes', 2 * 1024 ** 4],
    ['-4', 'bytes', -4],
    ['10 Gbit/s', 'bit/s', 1e10],
    ['100 MiB/s', 'bytes/s', 104_857_600],
    ['2.9 GHz', 'MHz', 2900],
    ['1.1 GHz', 'MHz', 1100],
    ['90 min', 'seconds', 5400],
    ['2 weeks', 'days', 14],
    ['36 h', 'days', 1.5],
    ['42 %', '%', 42],
    ['1 000', undefined, 1000],
    ['0x10', 'bytes', null],
    ['much', 'bytes', null],
    ['32 GiX', 'bytes', null],
    ['GiB', 'bytes', null],
    ['', 'bytes', null],
    ['1 2 min', '1/s', null],
    ['many', undefined, null],
    ['', undefined, null],
  ])('%s of %s is %s', (text, unit, want) => expect(readTyped(text, unit)).toBe(want))

  it.each([[34_359_738_368, 'bytes', '32 GiB'], [1_610_612_736, 'bytes', '1.5 GiB'], [512_000_000, 'bytes', '512 MB'], [1_000_000_001, 'bytes', '1000000001'], [1000, 'bytes', '1000'], [0, 'bytes', '0'], [1e10, 'bit/s', '10 Gbit/s'], [2900, 'MHz', '2900'], [90, 'seconds', '90'], [7, undefined, '7']])(
    '%d of %s is written so that it reads back: %s', (n, unit, want) => {
      expect(writeTyped(n, unit)).toBe(want)
      expect(readTyped(want, unit)).toBe(n)
    })

  it('says what was understood where what was typed does not', () => {
    expect(understood('32 GiB', 'bytes')).toBe('= 34,359,738,368 bytes')
    expect(understood('34359738368', 'bytes')).toBe('= 32 GiB')
    expect(understood('90 min', 'seconds')).toBe('= 5,400 seconds')
    expect(['much', '', '12'].map((s) => understood(s, s === '12' ? '%' : 'bytes'))).toEqual(['', '', ''])
  })
  it('tells by unit what to type', () => expect([wanted('bytes'), wanted('days'), wanted()]).toEqual(['A size such as 32 GiB or 512 MB is needed here.', 'A time such as 30 min, 12 h or 7 d is needed here.', 'A number is needed here.']))
  it('leaves the unit to the label where values do not carry it', () => expect(['bytes', 'MHz', 'seconds', '%', undefined].map(carried)).toEqual([true, false, false, false, false]))
})
