import type { Case } from '../case.ts'
import { aborts } from './aborts.ts'
import { browse } from './browse.ts'
import { close } from './close.ts'
import { complete } from './complete.ts'
import { cut } from './cut.ts'
import { delay } from './delay.ts'
import { duplicate } from './duplicate.ts'
import { exclusive } from './exclusive.ts'
import { killed } from './killed.ts'
import { lapses } from './lapses.ts'
import { move } from './move.ts'
import { note } from './note.ts'
import { order } from './order.ts'
import { purge } from './purge.ts'
import { receive } from './receive.ts'
import { restart } from './restart.ts'
import { release, retry } from './retry.ts'
import { send } from './send.ts'
import { stale } from './stale.ts'
import { unique } from './unique.ts'

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
]
