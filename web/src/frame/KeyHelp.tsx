import { t } from '@lingui/core/macro'
import { Modal } from '@mantine/core'

import css from './KeyHelp.module.css'
import { jumps } from './keys'

/* eslint-disable lingui/no-unlocalized-strings -- keys are named as they are printed */
const rows: [string[], string][] = [
  [['Ctrl', 'K'], t`Find things, pages and actions`],
  [['/'], t`Go to the filter`],
  [['j'], t`Next row`],
  [['k'], t`Row before`],
  [['Enter'], t`Open the row`],
  [['e'], t`Edit what the page shows`],
  [['Esc'], t`Leave a field or close`],
  [['?'], t`This list`],
]
/* eslint-enable lingui/no-unlocalized-strings */

export default function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={t`Keys`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <div className={css.columns}>
        <dl>{rows.map(([keys, what]) => <Row key={what} keys={keys} what={what} />)}</dl>
        <dl>{jumps.map((j) => <Row key={j.to} keys={['g', j.key]} what={j.label} />)}</dl>
      </div>
    </Modal>
  )
}

function Row({ keys, what }: { keys: string[]; what: string }) {
  return (
    <div className={css.row}>
      <dt>{keys.map((k) => <kbd key={k}>{k}</kbd>)}</dt>
      <dd>{what}</dd>
    </div>
  )
}
