import { html, type Markup } from './escape-html.ts'
import type { BarOutcome, Lane, LaneBar, LaneFault, LaneLayout, Span } from './lane-layout.ts'

const TOP = 74
const THROUGHPUT_HEIGHT = 44
const ROW = 9
const LANE_PAD = 8
const LANE_GAP = 12
const BROKER_HEIGHT = 34

const OUTCOMES: Readonly<Record<BarOutcome, string>> = {
  settled: 'completed',
  failed: 'failed, to be retried',
  cut: 'cut short by a kill',
  lost: 'ended without its lease',
  open: 'still running at the end',
}

/**
 * Lanes of workers on one time axis. All x are percentages, so that the page can stretch the picture without distorting text.
 * Colours come from the page's style sheet.
 */
export function lanesSvg(layout: LaneLayout): Markup {
  const x = (ms: number): string => `${((100 * Math.max(0, ms)) / layout.lengthMs).toFixed(4)}%`
  let y = TOP + brokerHeight(layout)
  const placed = layout.lanes.map((lane) => {
    const at = { lane, y, height: lane.rows * ROW + 2 * LANE_PAD }
    y += at.height + LANE_GAP
    return at
  })
  const height = y + 4
  const byProc = new Map(placed.map((place) => [place.lane.proc, place]))
  return html`<svg class="lanes" role="img" aria-label="Workers, jobs and faults over time" height="${height}" width="100%">
<g class="axis">${ticks(layout.lengthMs).map((ms) => tick(ms, x(ms), height))}</g>
${throughput(layout)}
${layout.outages === null ? '' : brokerLane(layout.outages, x, height)}
${placed.map((place) => laneOf(place.lane, place.y, place.height, x))}
<g class="faults">${layout.faults.map((fault) => mark(fault, byProc.get(fault.proc ?? ''), x))}</g>
</svg>`
}

/** Names of the lanes with the vertical place of each, for the column that does not scroll. */
export function laneNames(layout: LaneLayout): Markup {
  let y = TOP + brokerHeight(layout)
  const broker =
    layout.outages === null
      ? ''
      : html`<div style="top:${TOP}px;height:${BROKER_HEIGHT}px"><b>broker</b><span>down ${layout.outages.length} times</span></div>`
  const names = layout.lanes.map((lane) => {
    const height = lane.rows * ROW + 2 * LANE_PAD
    const at = y
    y += height + LANE_GAP
    const lives = lane.lives.length === 1 ? '1 process' : `${lane.lives.length} processes`
    return html`<div style="top:${at}px;height:${height}px"><b>${lane.proc}</b><span>${lives}</span></div>`
  })
  return html`<div class="names" style="height:${y + 4}px"><div style="top:20px;height:${THROUGHPUT_HEIGHT}px"><b>completed</b><span>over time</span></div>${broker}${names}</div>`
}

type Scale = (ms: number) => string

function brokerHeight({ outages }: LaneLayout): number {
  return outages === null ? 0 : BROKER_HEIGHT + LANE_GAP
}

/** Up and down; what fell into an outage is shaded over all lanes. */
function brokerLane(outages: readonly Span[], x: Scale, height: number): Markup {
  return html`<g class="broker"><rect class="up" x="0" y="${TOP}" width="100%" height="${BROKER_HEIGHT}" rx="3"><title>the broker answers</title></rect>
${outages.map(
  ({ fromMs, toMs }) =>
    html`<rect class="shade" x="${x(fromMs)}" y="${TOP}" width="${x(toMs - fromMs)}" height="${height - TOP}"/><rect class="down" x="${x(fromMs)}" y="${TOP}" width="${x(toMs - fromMs)}" height="${BROKER_HEIGHT}"><title>killed at ${seconds(fromMs)}, answered again at ${seconds(toMs)}: ${seconds(toMs - fromMs)}</title></rect>`,
)}</g>`
}

function laneOf(lane: Lane, y: number, height: number, x: Scale): Markup {
  const width = (fromMs: number, toMs: number) => x(toMs - fromMs)
  return html`<g class="lane">
<rect class="floor" x="0" y="${y}" width="100%" height="${height}" rx="3"/>
${lane.lives.map(
  (life) =>
    html`<rect class="life ${life.ending}" x="${x(life.fromMs)}" y="${y}" width="${width(life.fromMs, life.toMs)}" height="${height}" rx="3"><title>${lane.proc}.${life.epoch}: ${seconds(life.fromMs)} to ${seconds(life.toMs)}, ${life.ending}</title></rect>${
      life.stoppingMs === null
        ? ''
        : html`<rect class="stopping" x="${x(life.stoppingMs)}" y="${y}" width="${width(life.stoppingMs, life.toMs)}" height="${height}"><title>${lane.proc}.${life.epoch} stopping gracefully</title></rect>`
    }`,
)}
${lane.frozen.map((span) => html`<rect class="frozen" x="${x(span.fromMs)}" y="${y}" width="${width(span.fromMs, span.toMs)}" height="${height}"><title>frozen for ${Math.round(span.toMs - span.fromMs)} ms</title></rect>`)}
${lane.bars.map((bar) => barOf(bar, y + LANE_PAD + bar.row * ROW, x))}
</g>`
}

function barOf(bar: LaneBar, y: number, x: Scale): Markup {
  const again = bar.again ? ' again' : ''
  const label = `${bar.name} #${bar.n ?? '?'}, attempt ${bar.attempt}${bar.again ? ', started again' : ''}: ${OUTCOMES[bar.outcome]}, ${seconds(bar.fromMs)}, ${Math.round(bar.toMs - bar.fromMs)} ms`
  return html`<rect class="bar ${bar.outcome}${again}" data-job="${bar.job}" x="${x(bar.fromMs)}" y="${y}" width="${x(bar.toMs - bar.fromMs)}" height="${ROW - 2}"><title>${label}</title></rect>`
}

/** A kill is drawn over its whole lane, every other fault as a flag above it. */
function mark(fault: LaneFault, place: { readonly y: number; readonly height: number } | undefined, x: Scale): Markup {
  const [y, height] = place === undefined ? [TOP, fault.type === 'broker' ? BROKER_HEIGHT : 0] : [place.y, place.height]
  const label = `${fault.id}: ${fault.because}; ${fault.hit} jobs in hand`
  const at = x(fault.atMs)
  return html`<svg class="fault ${fault.type}" x="${at}" y="${y - 9}" overflow="visible"><title>${label}</title><line x1="0" y1="5" x2="0" y2="${height + 9}"/>${FLAGS[fault.type] ?? FLAGS.lapse}</svg>`
}

const FLAGS: Readonly<Record<string, Markup>> = {
  kill: html`<path d="M-4 0 L4 8 M4 0 L-4 8"/>`,
  freeze: html`<rect x="-4" y="0" width="3" height="8"/><rect x="1" y="0" width="3" height="8"/>`,
  lapse: html`<circle cx="0" cy="4" r="3.5"/>`,
  stop: html`<path d="M-4 0 H4 L0 8 Z"/>`,
  broker: html`<path d="M-4 0 L4 8 M4 0 L-4 8"/>`,
}

function tick(ms: number, x: string, height: number): Markup {
  return html`<line x1="${x}" y1="16" x2="${x}" y2="${height}"/><text x="${x}" dx="3" y="11">${seconds(ms)}</text>`
}

function ticks(lengthMs: number): number[] {
  const steps = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000]
  const step = steps.find((candidate) => lengthMs / candidate <= 12) ?? 3_600_000
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_item, index) => index * step)
}

function throughput(layout: LaneLayout): Markup {
  const most = Math.max(1, ...layout.throughput)
  const width = 100 / layout.throughput.length
  const bars = layout.throughput.map((count, index) => {
    const height = (THROUGHPUT_HEIGHT * count) / most
    return html`<rect x="${(index * width).toFixed(3)}%" y="${(20 + THROUGHPUT_HEIGHT - height).toFixed(2)}" width="${(width * 0.86).toFixed(3)}%" height="${height.toFixed(2)}"><title>${count} completed</title></rect>`
  })
  return html`<g class="throughput">${bars}</g>`
}

/** `12.34 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
