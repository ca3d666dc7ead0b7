// What to type on the machine, on each platform: binding the agent, then running it.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'

import { Snippet } from '../parts/Text'

const platforms = [{ value: 'linux', label: t`Linux` }, { value: 'macos', label: t`macOS` }, { value: 'windows', label: t`Windows` }]

/** `command` is as the collector words it: maestro-agent enroll --collector host:port. */
export function commandsFor(platform: string, command: string): { bind: string; run: string; about: string } {
  const rest = command.replace(/^maestro-agent\s+/, '')
  if (platform === 'windows') {
    const data = '--data-dir "$env:ProgramData\\maestro-agent"'
    return { bind: `.\\maestro-agent.exe ${rest} ${data}`, run: `.\\maestro-agent.exe serve ${data}`, about: t`In a PowerShell that runs as administrator, in the folder of maestro-agent.exe.` }
  }
  if (platform === 'macos') {
    const data = t`--data-dir "$HOME/Library/Application Support/maestro-agent"`
    return { bind: `./maestro-agent ${rest} ${data}`, run: `./maestro-agent serve ${data}`, about: t`In the folder of maestro-agent, as the user it is to run as.` }
  }
  return { bind: `sudo maestro-agent ${rest}`, run: 'sudo maestro-agent serve', about: t`As root; as another user add --data-dir with a folder of its own to both.` }
}

export function JoinCommands({ command }: { command: string }) {
  const [platform, setPlatform] = useState('linux')
  const c = commandsFor(platform, command)
  return (
    <div className="stack-s">
      <SegmentedControl size="xs" value={platform} onChange={setPlatform} data={platforms} aria-label={t`Platform of the machine`} />
      <p className="muted">{c.about}</p>
      <p><Trans>Bind it. It asks for the token, so that the token stays out of the shell’s history.</Trans></p>
      <Snippet label={t`the command`} text={c.bind} />
      <p><Trans>Then run it; as a service of the system it comes back by itself.</Trans></p>
      <Snippet label={t`the command that runs it`} text={c.run} />
    </div>
  )
}
