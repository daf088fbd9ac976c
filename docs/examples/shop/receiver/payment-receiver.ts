import { EnqueueError, InvalidPayloadError, type Yard } from '@switchyard/core'
import { z } from 'zod'
import { recordPayment } from '../jobs/record-payment.ts'
import { type Answer, type Listening, type Route, startHttpServer } from '../shop/http-server.ts'
import { verifiedId } from '../shop/webhook-signature.ts'

/** What the payment provider sends. */
const PAYMENT_EVENT = z.object({ account: z.string(), cents: z.number(), month: z.string() })

/** What the receiver needs. */
export interface ReceiverOptions {
  readonly yard: Yard
  /** Shared with the provider. */
  readonly secret: string
  readonly port?: number
}

/** Takes payment events at `POST /payments`. */
export function startPaymentReceiver(options: ReceiverOptions): Promise<Listening> {
  return startHttpServer({ '/payments': paymentRoute(options) }, { port: options.port ?? 0 })
}

/**
 * Checks the signature, enqueues, and only then says 202: the provider keeps an event until then, and its repetitions
 * have the same id and so are the same job.
 */
export function paymentRoute({ yard, secret }: ReceiverOptions): Route {
  return async ({ headers, body }): Promise<Answer> => {
    const eventId = verifiedId(headers, { body, secret, nowMs: Date.now() })
    if (eventId === null) return { status: 401, json: { error: 'no valid signature' } }
    const event = PAYMENT_EVENT.safeParse(parsed(body))
    if (!event.success) return { status: 400, json: { error: z.prettifyError(event.error) } }
    try {
      const { jobId, status } = await yard.enqueue(recordPayment, { eventId, ...event.data })
      return { status: 202, json: { jobId, status } }
    } catch (error) {
      if (error instanceof InvalidPayloadError) return { status: 400, json: { error: error.message } }
      // Unknown or failed: it comes again under the same id, so nothing is lost and nothing is doubled.
      if (error instanceof EnqueueError) return { status: 503, headers: { 'retry-after': '5' } }
      throw error
    }
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
