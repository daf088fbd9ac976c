import type { Case } from '../case.ts'
import { aborts } from './aborts.ts'
import { bounds } from './bounds.ts'
import { browse } from './browse.ts'
import { bulk } from './bulk.ts'
import { characters } from './characters.ts'
import { close } from './close.ts'
import { closeBusy } from './close-busy.ts'
import { compete } from './compete.ts'
import { complete } from './complete.ts'
import { cut } from './cut.ts'
import { declare } from './declare.ts'
import { dedupeWindow } from './dedupe-window.ts'
import { delay } from './delay.ts'
import { duplicate } from './duplicate.ts'
import { exclusive } from './exclusive.ts'
import { extend } from './extend.ts'
import { hostClock } from './host-clock.ts'
import { killed } from './killed.ts'
import { lapses } from './lapses.ts'
import { manifest } from './manifest.ts'
import { manyQueues } from './many-queues.ts'
import { mixed } from './mixed.ts'
import { move } from './move.ts'
import { names } from './names.ts'
import { note } from './note.ts'
import { opaqueKeys } from './opaque-keys.ts'
import { order } from './order.ts'
import { prefetch } from './prefetch.ts'
import { purge } from './purge.ts'
import { putBackOften } from './put-back-often.ts'
import { receive } from './receive.ts'
import { restart } from './restart.ts'
import { release, retry } from './retry.ts'
import { send } from './send.ts'
import { stale } from './stale.ts'
import { stats } from './stats.ts'
import { transactions } from './transactions.ts'
import { unique } from './unique.ts'
import { unknownQueue } from './unknown-queue.ts'
import { forbidden, unreachable } from './unreachable.ts'

/** Every clause, in the order in which a new adapter should meet them. */
export const cases: readonly Case[] = [
  send,
  receive,
  complete,
  retry,
  release,
  move,
  stale,
  note,
  lapses,
  delay,
  order,
  killed,
  cut,
  restart,
  aborts,
  duplicate,
  purge,
  close,
  unique,
  exclusive,
  browse,
  manifest,
  declare,
  compete,
  mixed,
  extend,
  bounds,
  characters,
  bulk,
  names,
  prefetch,
  closeBusy,
  manyQueues,
  transactions,
  unreachable,
  forbidden,
  hostClock,
  putBackOften,
  stats,
  unknownQueue,
  opaqueKeys,
  dedupeWindow,
]
