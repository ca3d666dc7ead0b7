// Tabs that are kept in the address.
import { count } from '../format/units'
import css from './TabBar.module.css'

interface Props {
  label: string
  value: string
  tabs: { id: string; label: string; count?: number }[]
  onChange: (id: string) => void
}

export function TabBar({ label, value, tabs, onChange }: Props) {
  return (
    <nav className={css.bar} aria-label={label}>
      {tabs.map((t) => (
        <button key={t.id} type="button" aria-current={t.id === value ? 'page' : undefined} onClick={() => onChange(t.id)}>
          {t.label}
          {t.count === undefined ? null : <span className={css.count}>{count(t.count)}</span>}
        </button>
      ))}
    </nav>
  )
}
