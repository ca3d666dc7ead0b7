// Picks one of the clients that are recorded, by a part of its name.
import { t } from '@lingui/core/macro'
import { Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'

import { api } from '../api/client'

interface Props {
  label: string
  description?: ReactNode
  value: string | null
  onChange: (id: string | null) => void
  /** Left out of what is offered. */
  except?: string | undefined
  disabled?: boolean
}

export function ClientSelect({ label, description, value, onChange, except, disabled }: Props) {
  const [text, setText] = useState('')
  const [settled] = useDebouncedValue(text.trim(), 200)
  const found = useQuery({
    queryKey: ['resources', 'client', 'pick', settled],
    queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}', { path: { kind: 'client' }, query: { page_size: 20, fields: 'id,name,kind', ...(settled ? { filter: JSON.stringify(settled) } : {}) }, signal }),
    placeholderData: keepPreviousData,
  })
  const choices = (found.data?.items ?? []).filter((it) => it.id !== except).map((it) => ({ value: it.id, label: it.name || it.id }))
  return (
    <Select label={label} description={description} searchable clearable data={choices} value={value} onChange={onChange} searchValue={text} onSearchChange={setText} disabled={disabled ?? false}
      filter={({ options }) => options} nothingFoundMessage={found.isFetching ? t`Looking …` : t`No client of that name is recorded.`} />
  )
}
