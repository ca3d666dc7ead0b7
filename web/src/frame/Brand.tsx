// Whose installation this is: the tenant's logo, or the product's sign and name. A logo that cannot be had leaves the sign.
import { Trans } from '@lingui/react/macro'
import { useState } from 'react'

import css from './Brand.module.css'
import { Sign } from './Sign'

interface Props {
  /** Path of the logo, where there is one. */
  logo: string | undefined
  size?: number
  /** Only a mark has room. */
  small?: boolean
}

export function Brand({ logo, size = 28, small }: Props) {
  const [broken, setBroken] = useState('')
  if (logo && logo !== broken) return <img className={css.logo} style={{ maxHeight: size + 4, maxWidth: small ? size + 8 : size * 5 }} src={logo} alt="" onError={() => setBroken(logo)} />
  return <><Sign size={size} />{small ? null : <span><Trans>Maestro</Trans></span>}</>
}
