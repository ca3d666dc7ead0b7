// A reporter for node's test runner: when all is done, which tests took longest, so that a slow one is seen when it comes.
export default async function* slowest(source) {
  const took = []
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.details.type !== 'suite' && !data.name.endsWith('.mjs')) took.push([data.details.duration_ms, data.name])
  }
  took.sort((a, b) => b[0] - a[0])
  const sum = took.reduce((n, [ms]) => n + ms, 0)
  yield `\n${took.length} tests, ${(sum / 1000).toFixed(0)} s in them. The slowest:\n`
  for (const [ms, name] of took.slice(0, 15)) yield `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}\n`
}
