import type { Report } from '../report.ts'
import { verdict } from './markdown.ts'

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #8884}
.mark{white-space:nowrap;font-weight:600}.bad{color:#c0392b}.good{color:#1e8449}.why{opacity:.75;font-size:.9em;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){.bad{color:#ff7b6b}.good{color:#5fd38d}}`

/** A report as one HTML file: no script, nothing from elsewhere, light and dark. */
export function htmlReport(report: Report): string {
  const { subject, broker, results, suite, environment } = report
  const rows = results.map(({ id, title, status, why, ms }) => {
    const tone = status === 'passed' ? 'good' : status === 'not-applicable' ? '' : 'bad'
    const reason = why === undefined ? '' : `<div class="why">${escaped(why.split('\n')[0] ?? '')}</div>`
    return `<tr><th scope="row">${id}</th><td class="mark ${tone}">${status}</td><td>${escaped(title)}${reason}</td><td>${ms} ms</td></tr>`
  })
  const heading = `Conformance of ${escaped(subject)}: ${verdict(report)}`
  const facts = `Broker ${escaped(broker.version ?? 'of unknown version')}, Node ${escaped(environment.node)}, ${escaped(environment.startedAt)}.`
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading}</title>
<style>${STYLE}</style><main><h1>${heading}</h1><p>${facts} ${results.length} of ${suite.clauses} clauses. Suite <code>${escaped(suite.digest)}</code>.</p>
<table><thead><tr><th scope="col">Clause</th><th scope="col">Outcome</th><th scope="col">Rule</th><th scope="col">Took</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></main></html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
}
