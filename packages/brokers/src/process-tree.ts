import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** One process of this machine. `born` tells a reused pid from the old one. */
export interface ProcessEntry {
  readonly pid: number
  readonly ppid: number
  readonly pgid: number
  readonly born: string
}

/**
 * The living processes (no zombies) that belong to a server: the root, its descendants, its process group, and whoever carries `mark` in
 * the environment. A process group alone is not enough: every Postgres backend and every Erlang port program makes a session of
 * its own.
 */
export function processTree(root: number, mark: string): readonly ProcessEntry[] {
  const all = livingProcesses()
  const members = new Map<number, ProcessEntry>()
  for (const entry of all) {
    if (entry.pid === process.pid) continue
    if (entry.pid === root || entry.pgid === root || carriesMark(entry.pid, mark)) members.set(entry.pid, entry)
  }
  for (let grew = true; grew; ) {
    grew = false
    for (const entry of all) {
      if (members.has(entry.pid) || !members.has(entry.ppid)) continue
      members.set(entry.pid, entry)
      grew = true
    }
  }
  return [...members.values()]
}

/** True while this very process lives (a zombie does not). */
export function isAlive(entry: ProcessEntry): boolean {
  const now = process.platform === 'linux' ? readStat(entry.pid) : livingProcesses().find((p) => p.pid === entry.pid)
  return now !== undefined && now.born === entry.born
}

/** True when each thread of this process has stopped (state T), or it is gone. A signal that was sent need not have arrived. */
export function isStopped(entry: ProcessEntry): boolean {
  if (process.platform !== 'linux') return true // ps tells the process only; nearly always stopped by now
  try {
    const threads = readdirSync(`/proc/${entry.pid}/task`)
    return threads.every((thread) => {
      const text = readFileSync(`/proc/${entry.pid}/task/${thread}/stat`, 'utf8')
      return 'TtZX'.includes(text.slice(text.lastIndexOf(')') + 2)[0] ?? '')
    })
  } catch {
    return !isAlive(entry)
  }
}

function livingProcesses(): readonly ProcessEntry[] {
  if (process.platform !== 'linux') return fromPs()
  const found: ProcessEntry[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const entry = readStat(Number(name))
    if (entry !== undefined) found.push(entry)
  }
  return found
}

/** /proc/PID/stat, proc(5): fields after the last parenthesis are state, ppid, pgrp, …; start time is field 22. */
function readStat(pid: number): ProcessEntry | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined // gone between listing and reading
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  if (state === 'Z' || state === 'X') return undefined
  return { pid, ppid: Number(fields[1]), pgid: Number(fields[2]), born: fields[19] ?? '' }
}

function fromPs(): readonly ProcessEntry[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,lstart='], { encoding: 'utf8' })
  const found: ProcessEntry[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line)
    if (match === null || match[4]?.startsWith('Z')) continue
    found.push({ pid: Number(match[1]), ppid: Number(match[2]), pgid: Number(match[3]), born: match[5] ?? '' })
  }
  return found
}

function carriesMark(pid: number, mark: string): boolean {
  if (process.platform !== 'linux') return false
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)
  } catch {
    return false // gone, or somebody else's
  }
}
