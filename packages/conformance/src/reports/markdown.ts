import type { Report } from '../report.ts'

/** A report for people: verdict, what is not simply passed, every clause, measured facts. */
export function markdownReport(report: Report): string {
  const { subject, broker, results, counts, suite, environment, unusedHooks } = report
  const told = Object.entries(counts).filter(([, count]) => count > 0)
  const version = broker.version === null ? '' : `, broker ${text(broker.version)}`
  const odd = results.filter(({ status }) => status !== 'passed' && status !== 'not-applicable')
  const facts = results.filter((one) => Object.keys(one.facts).length > 0)
  return [
    `# Conformance of ${text(subject)}: ${verdict(report)}`,
    '',
    `${told.map(([status, count]) => `${count} ${status}`).join(', ')}${version}, Node ${environment.node}, ${environment.startedAt}.`,
    `Suite \`${suite.digest}\`, ${suite.clauses} clauses.`,
    ...unusedHooks.map((hook) => `\nThe hook \`${text(hook)}\` was given and never called.`),
    ...(odd.length === 0 ? [] : ['', '## What does not hold', '']),
    ...odd.map(
      ({ id, status, title, why = '' }) => `- **${id} ${status}** ${text(title)}: ${text(why.split('\n')[0] ?? '')}`,
    ),
    '',
    '## Clauses',
    '',
    '| clause | outcome | ms | rule |',
    '| --- | --- | --- | --- |',
    ...results.map(({ id, status, ms, title, why }) => {
      const reason = status === 'not-applicable' ? ` (${text(why ?? '')})` : ''
      return `| ${id} | ${status}${reason} | ${ms} | ${text(title)} |`
    }),
    ...(facts.length === 0 ? [] : ['', '## Measured on the way', '']),
    ...facts.map(({ id, facts }) => {
      const list = Object.entries(facts).map(([name, value]) => `${text(name)}: ${text(String(value))}`)
      return `- ${id}: ${list.join('; ')}`
    }),
    '',
  ].join('\n')
}

/** The report in two or three words. */
export function verdict({ ok, partial, counts }: Report): string {
  if (!ok && counts.unverified > 0 && counts.failed + counts.timeout + counts.flaky === 0) return 'not fully verified'
  if (!ok) return 'does not conform'
  if (partial) return 'partial'
  return counts.deviation > 0 ? 'conforms with deviations' : 'conforms'
}

function text(raw: string): string {
  return raw.replace(/[|\r\n<>]/g, (one) => ({ '|': '\\|', '<': '&lt;', '>': '&gt;' })[one] ?? ' ')
}
