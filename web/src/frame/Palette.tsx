// Ctrl-K: finds things of every kind, pages and actions from one line.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Modal, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { IconArrowRight, IconBookmark, IconPlus, IconSearch, IconZoomQuestion } from '@tabler/icons-react'
import { useState, type KeyboardEvent, type ReactNode } from 'react'
import { useNavigate } from 'react-router'

import { q } from '../api/queries'
import { plain } from '../format/text'
import { addressOfView } from '../kinds/views'
import { State } from '../parts/marks'
import { Foreign } from '../parts/Text'
import { KindIcon } from './icons'
import { meant, places } from './places'
import css from './Palette.module.css'
import { useReads, useSession } from './session'

interface Entry {
  id: string
  to: string
  icon: ReactNode
  label: ReactNode
  hint: ReactNode
}

export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const navigate = useNavigate()
  const { entries, searching, nothing } = useEntries(text)
  const chosen = Math.min(at, Math.max(0, entries.length - 1))
  const open = (e: Entry | undefined) => {
    if (!e) return
    onClose()
    void navigate(e.to)
  }
  const onKey = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(chosen + 1, entries.length - 1))
    else if (e.key === 'ArrowUp') setAt(Math.max(0, chosen - 1))
    else if (e.key === 'Enter') open(entries[chosen])
    else return
    e.preventDefault()
  }
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size={620} padding={0} centered={false} yOffset="10vh" title={t`Find`} classNames={{ header: 'hidden-visually' }}>
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        className={css.input}
        leftSection={<IconSearch size={17} aria-hidden />}
        placeholder={t`A name, an address, a range, a serial number, a page …`}
        aria-label={t`Find things, pages and actions`}
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={entries[chosen] ? `palette-${chosen}` : undefined}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKey}
      />
      <ul id="palette-list" role="listbox" aria-label={t`Found`} className={css.list}>
        {entries.map((e, i) => (
          <li
            key={e.id}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            ref={(el) => { if (i === chosen) el?.scrollIntoView({ block: 'nearest' }) }}
            onMouseMove={() => setAt(i)}
            onClick={() => open(e)}
          >
            <span className={css.icon}>{e.icon}</span>
            <span className="grow clip">{e.label}</span>
            <span className={css.hint}>{e.hint}</span>
          </li>
        ))}
      </ul>
      {nothing ? <p className={css.none} role="status">{searching ? t`Looking …` : t`Nothing called “${plain(text)}” is known. Things that are gone are found in their list, with state = gone.`}</p> : null}
    </Modal>
  )
}

function useEntries(text: string): { entries: Entry[]; searching: boolean; nothing: boolean } {
  const [settled] = useDebouncedValue(text.trim(), 150)
  const session = useSession()
  const reads = useReads()
  const kinds = useQuery({ ...q.kinds(), enabled: reads })
  const found = useQuery({ ...q.search(settled), enabled: reads && settled !== '' })
  const views = useQuery({ ...q.views(), enabled: reads })
  const wanted = text.trim().toLowerCase()
  const kindOf = (name: string) => kinds.data?.find((k) => k.name === name)
  const things: Entry[] = (wanted ? (found.data?.items ?? []) : []).map((r) => ({
    id: r.id,
    to: `/inventory/${r.kind}/${r.id}`,
    icon: <KindIcon kind={kindOf(r.kind) ?? { name: r.kind }} />,
    label: <Foreign text={r.name || r.id} max={60} />,
    hint: <>{kindOf(r.kind)?.label ?? r.kind}{r.datacenter?.name ? <> · <Foreign text={r.datacenter.name} max={24} /></> : null}{r.state === 'active' ? null : <> <State state={r.state} /></>}</>,
  }))
  const lists: Entry[] = (views.data?.items ?? []).filter((v) => `${v.name} ${kindOf(v.kind)?.plural ?? v.kind}`.toLowerCase().includes(wanted)).slice(0, wanted ? 6 : 12).map((v) => ({
    id: v.id, to: addressOfView(v), icon: <IconBookmark size={16} />, label: <Foreign text={v.name} max={60} />, hint: <><Trans>saved list of {(kindOf(v.kind)?.plural ?? v.kind).toLowerCase()}</Trans></>,
  }))
  const pages: Entry[] = [
    ...(kinds.data ?? []).filter((k) => k.approval === 'approved').map((k) => ({ id: k.name, to: `/inventory/${k.name}`, name: k.plural, words: k.name, icon: <KindIcon kind={k} /> })),
    ...places.filter((p) => !p.needs || session?.actions.includes(p.needs)).map((p) => ({ id: p.to, to: p.to, name: p.label, words: `${p.words} ${p.to}`, icon: <IconArrowRight size={16} /> })),
  ].filter((p) => meant(wanted, p.name, p.words)).sort((a, b) => Number(b.name.toLowerCase().includes(wanted)) - Number(a.name.toLowerCase().includes(wanted))).slice(0, wanted ? 8 : 60).map((p) => ({ ...p, label: p.name, hint: t`page` }))
  const actions: Entry[] = [
    { id: 'new-connection', to: '/connections/setup', label: t`Add a connection`, needs: 'connection.manage' },
    { id: 'join', to: '/agents?join=1', label: t`Install an agent`, needs: 'agent.manage' },
    { id: 'token', to: '/settings?token=new', label: t`Make an API token`, needs: 'token.manage' },
  ].filter((a) => session?.actions.includes(a.needs) && meant(wanted, a.label)).map((a) => ({ ...a, icon: <IconPlus size={16} />, hint: t`action` }))
  // Only once something was typed: one for each kind would hide the rest.
  const adding: Entry[] = (wanted && session?.somewhere.includes('resource.edit') ? (kinds.data ?? []) : []).filter((k) => k.approval === 'approved' && meant(wanted, t`Add by hand: ${k.label.toLowerCase()}`, t`new make create record`)).slice(0, 6)
    .map((k) => ({ id: `add-${k.name}`, to: `/inventory/${k.name}?add=1`, icon: <IconPlus size={16} />, label: t`Add by hand: ${k.label.toLowerCase()}`, hint: t`action` }))
  const searching = wanted !== '' && (found.isFetching || settled !== text.trim())
  // Whoever finds nothing wants to know why.
  const why: Entry[] = reads && wanted && !searching && things.length === 0 ? [{ id: 'why', to: `/why?name=${encodeURIComponent(text.trim())}`, icon: <IconZoomQuestion size={16} />, label: <><Trans>Why is “<Foreign text={text.trim()} max={40} />” not here?</Trans></>, hint: t`ask` }] : []
  const named = [...things, ...lists, ...pages, ...actions, ...adding]
  return { entries: [...named, ...why], searching, nothing: named.length === 0 }
}
