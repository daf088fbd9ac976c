import { type Markup, trusted } from './escape-html.ts'

/** Everything is inside the file, and the policy holds it there: no request can leave it. */
export const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

/** Light and dark by the reader's own setting. */
export const REPORT_STYLE: Markup = trusted(`
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c2126;--soft:#5d6873;--line:#dfe3e6;--floor:#eef0f2;--life:#dbe7f3;
--stopping:#b9cfe4;--ok:#2c7a4b;--fail:#b3261e;--unsure:#8a5a00;--okbg:#e2f2e7;--failbg:#fbe3e1;--unsurebg:#fbefd5;
--settled:#3f78a8;--failed:#c98a1b;--cut:#c0392b;--lost:#8e4fb0;--open:#777;--frozen:#7fb6d6;--kill:#b3261e;--lapse:#8e4fb0;--stop:#2c5f8a}
@media(prefers-color-scheme:dark){:root{--bg:#15181b;--card:#1d2125;--ink:#e6e9ec;--soft:#9aa5af;--line:#32383e;--floor:#22272c;--life:#26384a;
--stopping:#35536f;--ok:#7fd1a0;--fail:#ff8a80;--unsure:#f0c36d;--okbg:#1c3527;--failbg:#42211f;--unsurebg:#3b3018;
--settled:#7fb3dd;--failed:#e3b04b;--cut:#ff7565;--lost:#c99be3;--open:#999;--frozen:#3f7fa3;--kill:#ff8a80;--lapse:#c99be3;--stop:#8fc0ea}}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 32px 60px;max-width:1360px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:24px;line-height:1.25;margin:0 0 4px}h2{font-size:17px;margin:34px 0 10px}
p{margin:4px 0}.soft,.soft td{color:var(--soft)}code,pre{font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
pre{overflow-x:auto;background:var(--floor);padding:9px 12px;border-radius:6px;margin:8px 0}
.verdict{display:inline-block;padding:1px 10px;border-radius:11px;font-weight:600;font-size:13px;white-space:nowrap}
h1 .verdict{font-size:17px;padding:2px 14px;border-radius:15px;margin-right:10px;vertical-align:2px}
.pass{color:var(--ok);background:var(--okbg)}.fail{color:var(--fail);background:var(--failbg)}.inconclusive{color:var(--unsure);background:var(--unsurebg)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:10px;margin:18px 0 0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:9px 13px}.tiles b{display:block;font-size:22px;line-height:1.25;font-variant-numeric:tabular-nums}.tiles span{color:var(--soft);font-size:13px}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden}
th,td{text-align:left;vertical-align:top;padding:7px 12px;border-top:1px solid var(--line)}thead th{border-top:0;font-size:13px;color:var(--soft);font-weight:600;background:var(--floor)}
td.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td small{display:block;color:var(--soft)}tbody tr.lit,.lit>summary{background:var(--unsurebg)}
.wide{overflow-x:auto}.violation{border:1px solid var(--line);border-left:4px solid var(--fail);border-radius:6px;background:var(--card);padding:9px 14px;margin:8px 0}
.violation p{overflow-wrap:anywhere}details table{border:0;background:none}details td{padding:2px 12px;border:0;font-size:13px}summary{cursor:pointer;color:var(--soft);font-size:13px}
.job{font:13px ui-monospace,"DejaVu Sans Mono",monospace;background:none;border:0;padding:0;color:inherit;text-decoration:underline dotted;cursor:pointer}
.picture{display:grid;grid-template-columns:110px 1fr;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px 8px 12px}
.names{position:relative}.names div{position:absolute;left:0;right:8px;display:flex;flex-direction:column;justify-content:center;line-height:1.25}.names b{font-size:13px}.names span{color:var(--soft);font-size:12px}
.scroll{overflow-x:auto;overflow-y:hidden;padding-left:6px;padding-right:8px}svg.lanes{display:block;overflow:visible}
.legend{display:flex;flex-wrap:wrap;gap:5px 18px;margin:8px 0;color:var(--soft);font-size:13px;align-items:center}.legend i{display:inline-block;width:18px;height:9px;border-radius:2px;margin-right:6px}.legend svg{width:12px;height:12px;margin-right:5px;vertical-align:-1px;overflow:visible}
.legend label{margin-left:auto}
.axis line{stroke:var(--line)}.axis text{fill:var(--soft);font-size:11px}.throughput rect{fill:var(--settled);opacity:.55}
.floor{fill:var(--floor)}.life{fill:var(--life)}.stopping{fill:var(--stopping)}.frozen{fill:var(--frozen);opacity:.55}
.bar{fill:var(--settled);stroke:var(--settled);stroke-width:.8}.bar.failed{fill:var(--failed);stroke:var(--failed)}.bar.cut{fill:var(--cut);stroke:var(--cut)}.bar.lost{fill:var(--lost);stroke:var(--lost)}.bar.open{fill:var(--open);stroke:var(--open)}
.bar.again{stroke:var(--ink);stroke-width:1.4}.picking .bar{opacity:.16}.picking .bar.lit{opacity:1;stroke:var(--ink);stroke-width:2}
.fault{stroke:var(--kill);stroke-width:1.6;fill:none}.fault line{opacity:.75;stroke-width:1.2}.freeze{stroke:none;fill:var(--stop)}.freeze line{stroke:var(--stop)}.fault.lapse{stroke:none;fill:var(--lapse)}.fault.lapse line{stroke:none}.fault.stop{stroke:none;fill:var(--stop)}.fault.stop line{stroke:var(--stop);stroke-dasharray:3 2}
.broker .up{fill:var(--okbg)}.broker .down{fill:var(--kill)}.broker .shade{fill:var(--kill);opacity:.1}.k-down{background:var(--kill)}.k-settled{background:var(--settled)}.k-failed{background:var(--failed)}.k-cut{background:var(--cut)}.k-lost{background:var(--lost)}.k-again{border:2px solid var(--ink)}.k-life{background:var(--life)}.k-frozen{background:var(--frozen)}.k-stopping{background:var(--stopping)}
@media print{body{max-width:none}details{display:block}}
`)

/** Stretching the time axis, and lighting up one job wherever it appears. */
export const REPORT_SCRIPT: Markup = trusted(`
const lanes=document.querySelector('svg.lanes'),zoom=document.getElementById('zoom')
zoom?.addEventListener('input',()=>{const box=lanes.parentElement,mid=(box.scrollLeft+box.clientWidth/2)/box.scrollWidth
lanes.setAttribute('width',zoom.value*100+'%');box.scrollLeft=mid*box.scrollWidth-box.clientWidth/2})
let lit=null
document.addEventListener('click',(event)=>{const target=event.target.closest('[data-job]')
if(!target){if(!event.target.closest('summary,input,label'))pick(null);return}
pick(lit===target.dataset.job?null:target.dataset.job)})
function pick(job){lit=job;document.body.classList.toggle('picking',job!==null)
for(const item of document.querySelectorAll('.lit'))item.classList.remove('lit')
if(job===null)return
let first=null
for(const item of document.querySelectorAll('[data-job]'))if(item.dataset.job===job){const shown=item.closest('tr,.bar')??item;shown.classList.add('lit');if(shown.matches('.bar'))first??=shown}
if(first&&zoom.value>1){const box=lanes.parentElement;box.scrollLeft=first.getBoundingClientRect().left-lanes.getBoundingClientRect().left-box.clientWidth/2}}
`)
