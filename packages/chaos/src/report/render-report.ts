import {
  type Finding,
  type HistoryEvent,
  type Redelivery,
  redeliveriesOf,
  type Timeline,
  timelineOf,
  type Violation,
} from '@switchyard/conformance/history'
import type { PlannedFault } from '../plan/plan.ts'
import type { ChaosRun } from './chaos-run.ts'
import { html, type Markup } from './escape-html.ts'
import { type LaneLayout, layOutLanes } from './lane-layout.ts'
import { laneNames, lanesSvg, seconds } from './lanes-svg.ts'
import { REPORT_POLICY, REPORT_SCRIPT, REPORT_STYLE } from './report-page.ts'
import { type Results, resultsOf } from './results.ts'

/** Longer lists are cut, and say so; results.json and the history have all of it. */
const MAX_LISTED = 200

/** One self-contained HTML page about a run; it loads nothing and runs nothing but its own few lines. */
export function renderReport(run: ChaosRun): string {
  const timeline = timelineOf(run.history)
  const results = resultsOf(run)
  const layout = layOutLanes(timeline)
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}"><title>${run.title}: ${results.verdict}</title><style>${REPORT_STYLE}</style></head><body>
${header(run, results)}
${tiles(results)}
<h2>Verdict</h2>${verdictTable(run.judgement.findings)}
<h2>What happened</h2>${picture(layout)}
${violations(run.judgement.findings, timeline)}
<h2>Second deliveries</h2>${secondDeliveries(redeliveriesOf(timeline), timeline)}
<h2>Faults</h2>${faults(layout, run)}
<h2>Where it ran</h2>${environment(run, results)}
<script>${REPORT_SCRIPT}</script></body></html>
`
  return page.markup
}

function header(run: ChaosRun, results: Results): Markup {
  return html`<h1><span class="verdict ${results.verdict}">${results.verdict}</span>${run.title}</h1>
<p class="soft">Handlers: ${run.variant}. Broker: ${run.broker}. Seed ${run.seed}. ${new Date(run.startedAt).toUTCString()}, ${seconds(run.tookMs)}.</p>
<p class="soft">The same again:</p><pre>${run.command}</pre>`
}

function tiles(results: Results): Markup {
  const { jobs, hits, secondDeliveries: again } = results
  const accepted = jobs.completed + jobs.dead + jobs.waiting + jobs.lost + jobs.unseen
  const shown: readonly (readonly [number, string])[] = [
    [accepted, 'jobs accepted'],
    [jobs.completed, 'completed'],
    [jobs.dead, 'in the dead queue'],
    [jobs.lost, 'lost'],
    [hits.kills, 'kills with jobs in hand'],
    [hits.freezes, 'freezes with jobs in hand'],
    [again.length, 'second starts'],
    [hits.overlaps, 'while the first ran'],
    [hits.gracefulStops, 'graceful stops'],
    ...(results.goals.brokerKills > 0 ? [[hits.brokerKills, 'kills of the broker'] as const] : []),
  ]
  return html`<div class="tiles">${shown.map(([value, label]) => html`<div><b>${value}</b><span>${label}</span></div>`)}</div>`
}

function verdictTable(findings: readonly Finding[]): Markup {
  const rows = findings.map(
    (
      finding,
    ) => html`<tr><td><span class="verdict ${finding.verdict}">${finding.verdict}</span></td><td>${finding.rule}<small>${finding.checker}</small></td>
<td class="num">${finding.judged} of ${finding.of}${finding.of > 0 ? html`<small>${Math.floor((100 * finding.judged) / finding.of)} %</small>` : ''}</td>
<td class="num">${finding.violations.length}</td><td class="soft">${finding.notes.map((note) => html`<div>${note}</div>`)}</td></tr>`,
  )
  return html`<div class="wide"><table><thead><tr><th>Verdict</th><th>Rule</th><th>Judged</th><th>Violations</th><th>Seen on the way</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function violations(findings: readonly Finding[], timeline: Timeline): Markup | '' {
  const all = findings.flatMap((finding) => finding.violations.map((violation) => ({ finding, violation })))
  if (all.length === 0) return ''
  const shown = all.slice(0, MAX_LISTED)
  return html`<h2>Violations</h2>${shown.map(
    ({ finding, violation }, index) =>
      html`<div class="violation"><p><span class="verdict fail">${finding.checker}</span> ${jobLink(timeline, violation.job)}</p><p>${violation.what}</p>${evidence(violation, timeline, index < 3)}</div>`,
  )}${cut(all.length)}`
}

function jobLink(timeline: Timeline, job: string): Markup {
  const n = timeline.jobs.get(job)?.n
  return html`<button class="job" data-job="${job}">${n == null ? job : `#${n} ${job}`}</button>`
}

function evidence(violation: Pick<Violation, 'evidence'>, timeline: Timeline, open: boolean): Markup {
  const from = timeline.events[0]?.atMs ?? 0
  const lines = violation.evidence
    .slice(0, 60)
    .map(
      (event) =>
        html`<tr><td class="num">${seconds(event.atMs - from)}</td><td>${event.proc}.${event.epoch}</td><td>${event.kind}</td><td class="soft"><code>${factsOf(event)}</code></td></tr>`,
    )
  if (lines.length === 0) return html`<p class="soft">No event shows it: something that should be there is not.</p>`
  return html`<details${open ? html` open` : ''}><summary>${violation.evidence.length} events</summary><div class="wide"><table><tbody>${lines}</tbody></table></div></details>`
}

const STAMPS = new Set(['proc', 'epoch', 'seq', 'atMs', 'wallMs', 'kind', 'digest', 'execution', 'lease', 'effects'])

function factsOf(event: HistoryEvent): string {
  const facts = Object.entries(event).filter(([field, value]) => !STAMPS.has(field) && value !== null)
  return facts
    .map(([field, value]) => `${field}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('  ')
}

function picture(layout: LaneLayout): Markup {
  const missing = layout.of - layout.drawn
  return html`<div class="legend"><span><i class="k-life"></i>process alive</span><span><i class="k-stopping"></i>stopping</span><span><i class="k-frozen"></i>frozen</span>${layout.outages === null ? '' : html`<span><i class="k-down"></i>broker down</span>`}
<span><i class="k-settled"></i>completed</span><span><i class="k-failed"></i>failed</span><span><i class="k-cut"></i>cut by a kill</span><span><i class="k-lost"></i>ended without its lease</span><span><i class="k-again"></i>started again</span>
<span><svg class="fault kill"><path d="M2 2 L10 10 M10 2 L2 10"/></svg>kill</span><span><svg class="fault freeze"><rect x="1" y="2" width="3" height="8"/><rect x="6" y="2" width="3" height="8"/></svg>freeze</span><span><svg class="fault lapse"><circle cx="6" cy="6" r="4"/></svg>renewals lost</span><span><svg class="fault stop"><path d="M1 2 H11 L6 10 Z"/></svg>SIGTERM</span>
<label>Stretch <input id="zoom" type="range" min="1" max="30" value="1" step="0.5"></label></div>
<div class="picture">${laneNames(layout)}<div class="scroll">${lanesSvg(layout)}</div></div>
<p class="soft">Each bar is one run of a handler; click one to light up every run of its job.${missing > 0 ? ` ${missing} of ${layout.of} runs are not drawn; every job that started twice comes first.` : ''}</p>`
}

function secondDeliveries(all: readonly Redelivery[], timeline: Timeline): Markup {
  if (all.length === 0) return html`<p class="soft">No job was started twice.</p>`
  const from = timeline.events[0]?.atMs ?? 0
  const rows = all.slice(0, MAX_LISTED).map(({ job, first, second, overlap, cause, illegal, evidence: events }) => {
    const name = first.start.name
    return html`<tr><td class="num">${seconds(second.start.atMs - from)}</td><td>${jobLink(timeline, job)}<small>${name}</small></td><td>${first.start.proc}.${first.start.epoch} → ${second.start.proc}.${second.start.epoch}</td>
<td>${overlap ? 'yes' : html`<span class="soft">no</span>`}</td><td>${illegal === null ? (cause ?? html`<span class="verdict fail">nothing explains it</span>`) : html`<span class="verdict fail">${illegal}</span>`}${evidence({ evidence: events }, timeline, false)}</td></tr>`
  })
  return html`<div class="wide"><table><thead><tr><th>At</th><th>Job</th><th>From → to</th><th>First still running</th><th>Cause</th></tr></thead><tbody>${rows}</tbody></table></div>${cut(all.length)}`
}

function faults(layout: LaneLayout, run: ChaosRun): Markup {
  const done = new Map(layout.faults.map((fault) => [fault.id, fault]))
  const rows = run.plan.faults.map((planned) => {
    const fault = done.get(planned.id)
    const hit = fault === undefined ? html`<span class="soft">never came about</span>` : `${fault.hit} jobs in hand`
    return html`<tr><td>${planned.id}</td><td>${planned.do}</td><td>at ${planned.at.point} ${planned.at.nth}${more(planned)}</td><td class="num">${fault === undefined ? '' : seconds(fault.atMs)}</td><td>${fault === undefined ? '' : (fault.proc ?? 'broker')}</td><td>${hit}</td></tr>`
  })
  return html`<div class="wide"><table><thead><tr><th>Fault</th><th>Kind</th><th>Planned</th><th>At</th><th>Worker</th><th>Hit</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

/** What else the plan says of a fault. */
function more(planned: PlannedFault): string {
  if (planned.do === 'freeze') return `, for ${planned.leases.toFixed(1)} leases`
  if (planned.do !== 'broker-kill') return ''
  return `, down for ${planned.downMs} ms${planned.flushFirst ? ', once its queues are on disk' : ''}`
}

function environment(run: ChaosRun, results: Results): Markup {
  const facts = Object.entries({
    ...run.environment,
    run: run.run,
    events: results.events,
    'torn last lines of killed processes': results.tornLines,
  })
  return html`<table><tbody>${facts.map(([name, value]) => html`<tr><td class="soft">${name}</td><td>${value}</td></tr>`)}</tbody></table>`
}

function cut(count: number): Markup | '' {
  return count > MAX_LISTED ? html`<p class="soft">The first ${MAX_LISTED} of ${count}; results.json has all.</p>` : ''
}
