// Which version of a plugin which agents run: at hand, pinned for a group, and rolled out by canary.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, MultiSelect, NumberInput, Select } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { PluginVersions as Versions } from '../api/types'
import { actor } from '../format/text'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Agents.module.css'

type Act = { of: Versions; what: 'pin' | 'rollout' | 'pause' | 'resume' | 'rollback' }

const groupName = (v: Versions) => v.group || t`all without a group`
const moves = (v: Versions) => v.rollout?.state === 'canary' || v.rollout?.state === 'paused'

/** Nothing is to be decided of a plugin that is there in one version, unpinned and for everybody. */
const deciding = (v: Versions) => !!v.group || !!v.pinned || !!v.previous || !!v.rollout || v.versions.length > 1

export function PluginVersionsPanel() {
  const may = useMay('agent.manage')
  const list = useQuery(q.pluginVersions())
  const [act, setAct] = useState<Act | null>(null)
  const rows = list.data?.items ?? []
  if (list.error && !list.data) return <Panel title={t`Versions of plugins`}><ProblemPanel error={list.error} compact /></Panel>
  if (!rows.some(deciding)) return null
  const shown = rows.filter(deciding)
  const plain = rows.length - shown.length
  return (
    <Panel id="versions" title={t`Versions of plugins`}>
      <p className="muted"><Trans>Files lie side by side in an agent’s plugin folder, put there by who runs its machine. A pin chooses among them, for a group of agents, from their next runs on.</Trans></p>
      <ul className={css.versions}>
        {shown.map((v) => (
          <li key={v.id}>
            <div className="stack-s">
              <strong><Foreign text={v.provider} /></strong>
              {v.group ? <Foreign text={v.group} max={40} /> : <span className="muted">{groupName(v)}</span>}
            </div>
            <div className="stack-s">
              <span>{v.pinned ? <><Trans>Pinned</Trans> <Foreign text={v.pinned} max={30} mono /> <span className="muted"><Trans>by <Foreign text={actor(v.set_by ?? '').name} max={30} /></Trans></span></> : <span className="muted"><Trans>left to each agent</Trans></span>}</span>
              {v.versions.map((x) => <span key={x.version} title={x.running.map((a) => a.name).join(', ') || undefined}><Foreign text={x.version} max={30} mono /> <span className="muted">{t`${x.running.length} of ${x.agents.length} run it`}</span></span>)}
              {(v.lacking ?? []).slice(0, 5).map((l) => <span key={l.agent.id}><State state="degraded" word={l.agent.name ?? ''} /> <Foreign text={l.reason} max={80} /></span>)}
            </div>
            <Rollout of={v} />
            {may ? <Decide of={v} onAct={(what) => setAct({ of: v, what })} /> : null}
          </li>
        ))}
      </ul>
      {plain ? <p className="muted">{plural(plain, { one: '# other plugin is there in one version.', other: '# other plugins are there in one version.' })}</p> : null}
      {act && (act.what === 'pin' || act.what === 'rollout') ? <Choose act={act} onClose={() => setAct(null)} /> : null}
      {act && act.what !== 'pin' && act.what !== 'rollout' ? <Steer of={act.of} what={act.what} onClose={() => setAct(null)} /> : null}
    </Panel>
  )
}

function Rollout({ of: v }: { of: Versions }) {
  const r = v.rollout
  if (!r) return <span />
  const state = { canary: 'running', paused: 'paused', done: 'ok', rolled_back: 'failing' }[r.state] ?? 'never'
  const word = { canary: t`at its canaries`, paused: t`paused`, done: t`done`, rolled_back: t`rolled back` }[r.state] ?? r.state
  return (
    <span className="stack-s">
      <span><Foreign text={r.version} max={30} mono /> <State state={state} word={word} /></span>
      {moves(v) ? <span className="muted"><Foreign text={r.canaries.map((a) => a.name).join(', ')} max={80} />: {t`${r.good} of ${r.runs} runs`}</span> : r.ended_at ? <span className="muted"><When at={r.ended_at} /></span> : null}
      {r.reason ? r.run_id ? <Link to={`/runs/${r.run_id}`}><Foreign text={r.reason} max={160} /></Link> : <Foreign text={r.reason} max={160} /> : null}
    </span>
  )
}

function Decide({ of: v, onAct }: { of: Versions; onAct: (what: Act['what']) => void }) {
  const name = `${v.provider}, ${groupName(v)}`
  return (
    <span className="row">
      {moves(v) ? null : <button type="button" className="link" aria-label={t`Pin a version of ${name}`} onClick={() => onAct('pin')}><Trans>Pin</Trans></button>}
      {moves(v) || v.versions.length < 2 ? null : <button type="button" className="link" aria-label={t`Roll out a version of ${name}`} onClick={() => onAct('rollout')}><Trans>Roll out</Trans></button>}
      {v.rollout?.state === 'canary' ? <button type="button" className="link" aria-label={t`Pause the rollout of ${name}`} onClick={() => onAct('pause')}><Trans>Pause</Trans></button> : null}
      {v.rollout?.state === 'paused' ? <button type="button" className="link" aria-label={t`Resume the rollout of ${name}`} onClick={() => onAct('resume')}><Trans>Resume</Trans></button> : null}
      {moves(v) || v.previous ? <button type="button" className="link" aria-label={t`Roll back ${name}`} onClick={() => onAct('rollback')}><Trans>Roll back</Trans></button> : null}
    </span>
  )
}

function Choose({ act, onClose }: { act: Act; onClose: () => void }) {
  const client = useQueryClient()
  const v = act.of
  const rollout = act.what === 'rollout'
  const others = v.versions.map((x) => x.version).filter((x) => x !== v.pinned)
  const [version, setVersion] = useState(others.at(-1) ?? '')
  const [canaries, setCanaries] = useState<string[]>([])
  const [runs, setRuns] = useState(3)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const having = v.versions.find((x) => x.version === version)?.agents ?? []
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const which = { provider: v.provider, version, ...(v.group ? { group: v.group } : {}) }
      if (rollout) await api.post('/api/v1/plugin-rollouts', { body: { ...which, runs, ...(canaries.length ? { canaries } : {}) } })
      else await api.put('/api/v1/plugin-pins', { body: which })
      void client.invalidateQueries({ queryKey: ['plugin-versions'] })
      say(rollout ? t`The rollout has begun` : version ? t`${version} is pinned` : t`The version is left to each agent`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={rollout ? t`Roll out ${v.provider}: ${groupName(v)}` : t`Pin ${v.provider}: ${groupName(v)}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <Select label={t`Version`} allowDeselect={false} data={[...(!rollout && v.pinned ? [{ value: '', label: t`left to each agent` }] : []), ...others.map((x) => ({ value: x, label: x }))]} value={version} onChange={(x) => { setVersion(x ?? ''); setCanaries([]) }} />
        {rollout ? (
          <>
            <MultiSelect label={t`Canaries`} description={t`They run it first. None: a tenth of the agents that run connections with it, at least one.`} data={having.map((a) => ({ value: a.id, label: a.name ?? a.id }))} value={canaries} onChange={setCanaries} />
            <NumberInput label={t`Runs that each of them has to end well`} min={1} max={1000} allowDecimal={false} value={runs} onChange={(x) => setRuns(Number(x))} />
            <p className="muted"><Trans>It comes back by itself when a run of a canary fails for the plugin’s own sake, when a removal is held, or when a kind that was there is read as empty.</Trans></p>
          </>
        ) : <p className="muted">{version ? plural(having.length, { one: '# agent has it. Others go on with what they run.', other: '# agents have it. Others go on with what they run.' }) : t`The file without a version in its name runs, else the newest.`}</p>}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy} disabled={rollout ? !version || runs < 1 : others.length === 0 && !v.pinned}>{rollout ? t`Roll it out` : t`Pin it`}</Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}

function Steer({ of: v, what, onClose }: { of: Versions; what: 'pause' | 'resume' | 'rollback'; onClose: () => void }) {
  const client = useQueryClient()
  const name = `${v.provider}, ${groupName(v)}`
  const title = { pause: t`Pause the rollout of ${name}`, resume: t`Resume the rollout of ${name}`, rollback: t`Roll back ${name}` }[what]
  const verb = { pause: t`Pause`, resume: t`Resume`, rollback: t`Roll back` }[what]
  return (
    <Confirm
      title={title}
      verb={verb}
      reason="optional"
      onClose={onClose}
      onConfirm={async (reason) => {
        const body = { provider: v.provider, ...(v.group ? { group: v.group } : {}), ...(reason ? { reason } : {}) }
        if (what === 'pause') await api.post('/api/v1/plugin-rollouts/pause', { body })
        else if (what === 'resume') await api.post('/api/v1/plugin-rollouts/resume', { body })
        else await api.post('/api/v1/plugin-rollouts/rollback', { body })
        void client.invalidateQueries({ queryKey: ['plugin-versions'] })
        say(t`Decided`)
      }}
    >
      <p>{what === 'rollback' ? (moves(v) ? t`The canaries go back to what the others run.` : t`The version before is pinned again: ${v.previous ?? ''}.`) : what === 'pause' ? t`The canaries keep the new version and the others theirs, whatever happens.` : t`What the canaries did meanwhile counts.`}</p>
    </Confirm>
  )
}
