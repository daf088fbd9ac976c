import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningBroker, startBroker } from '../src/index.ts'

let broker: RunningBroker
let queue: unknown

beforeAll(async () => {
  broker = await startBroker('sqs')
  queue = (await call('CreateQueue', { QueueName: 'repair' })).QueueUrl
})
afterAll(() => broker?.stop())

async function call(action: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(new URL(broker.url).searchParams.get('endpoint') ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text === '' ? {} : JSON.parse(text)
}

interface Message {
  readonly Body: string
  readonly ReceiptHandle: string
  readonly Attributes: { readonly ApproximateReceiveCount: string }
}

async function receive(): Promise<Message> {
  const answer = await call('ReceiveMessage', {
    QueueUrl: queue,
    MessageSystemAttributeNames: ['All'],
    WaitTimeSeconds: 5,
  })
  const [message] = (answer.Messages ?? []) as Message[]
  if (message === undefined) throw new Error('nothing arrived within 5 s')
  return message
}

it('a message given back with visibility 0 comes again with its count, also across a kill (fauxqs 2.4 loses it)', async () => {
  await call('SendMessage', { QueueUrl: queue, MessageBody: 'back' })
  const first = await receive()
  await call('ChangeMessageVisibility', { QueueUrl: queue, ReceiptHandle: first.ReceiptHandle, VisibilityTimeout: 0 })
  const second = await receive()
  expect([second.Body, second.Attributes.ApproximateReceiveCount]).toEqual(['back', '2'])
  await call('ChangeMessageVisibility', { QueueUrl: queue, ReceiptHandle: second.ReceiptHandle, VisibilityTimeout: 0 })
  await broker.kill()
  await broker.restart()
  const third = await receive()
  expect([third.Body, third.Attributes.ApproximateReceiveCount]).toEqual(['back', '3'])
})

it('letters beyond U+FFFF are taken, as on AWS, and what AWS refuses is refused', async () => {
  await call('SendMessage', { QueueUrl: queue, MessageBody: '\u{1f68b}' })
  expect((await receive()).Body).toBe('\u{1f68b}')
  await expect(call('SendMessage', { QueueUrl: queue, MessageBody: '\uffff' })).rejects.toThrow(
    /InvalidMessageContents/,
  )
})
