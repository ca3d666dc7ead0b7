// A reporter for node's test runner: when all is done, which tests took more than ten seconds, so that a slow one is seen
// when it comes.
export default async function* slowest(source) {
  const took = []
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.details.type !== 'suite' && !data.name.endsWith('.mjs')) took.push([data.details.duration_ms, data.name])
  }
  const slow = took.filter(([ms]) => ms > 10_000).sort((a, b) => b[0] - a[0])
  for (const [ms, name] of slow) yield `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}\n`
}
