import { expect, it } from 'vitest'

import { commandsFor } from './JoinCommands'

const said = 'maestro-agent enroll --collector maestro.example.org:7071'

it.each([
  ['linux', 'sudo maestro-agent enroll --collector maestro.example.org:7071', 'sudo maestro-agent serve'],
  ['windows', '.\\maestro-agent.exe enroll --collector maestro.example.org:7071 --data-dir "$env:ProgramData\\maestro-agent"', '.\\maestro-agent.exe serve --data-dir "$env:ProgramData\\maestro-agent"'],
  ['macos', './maestro-agent enroll --collector maestro.example.org:7071 --data-dir "$HOME/Library/Application Support/maestro-agent"', './maestro-agent serve --data-dir "$HOME/Library/Application Support/maestro-agent"'],
])('%s binds and runs on the same data', (platform, bind, run) => {
  expect(commandsFor(platform, said)).toMatchObject({ bind, run })
})
