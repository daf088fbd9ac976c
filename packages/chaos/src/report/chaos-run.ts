import type { History, Judgement } from '@switchyard/conformance/history'
import type { Plan } from '../plan/plan.ts'

/** One finished run with its judgement: what a report is made from. */
export interface ChaosRun {
  readonly run: string
  readonly title: string
  /** Which handlers ran: `shop`, `naive`. */
  readonly variant: string
  /** Broker URL with its secrets masked. */
  readonly broker: string
  readonly seed: number
  /** The exact command that does it again. */
  readonly command: string
  readonly plan: Plan
  readonly history: History
  readonly judgement: Judgement
  /** Epoch ms. */
  readonly startedAt: number
  readonly tookMs: number
  /** Node, system and machine, in words. */
  readonly environment: Readonly<Record<string, string>>
}
