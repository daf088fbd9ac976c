import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const DEADLINE_MS = 2_000

/**
 * Sends one command over a connection of its own and answers the reply as text (simple string, number or bulk). Enough to ask a server how it
 * is without a client library. Rejects with the server's error text.
 */
export function redisCommand(url: string, command: readonly string[]): Promise<string> {
  const target = new URL(url)
  const port = target.port === '' ? 6379 : Number(target.port)
  const user = decodeURIComponent(target.username)
  const password = decodeURIComponent(target.password)
  const login = password === '' ? [] : [['AUTH', ...(user === '' ? [] : [user]), password]]
  const commands = [...login, command]
  return new Promise((resolve, reject) => {
    const options = { host: target.hostname, port }
    const socket: Socket = target.protocol === 'rediss:' ? connectTls(options) : connectTcp(options)
    let text = ''
    const finish = (error: Error | undefined, reply = ''): void => {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve(reply)
      else reject(error)
    }
    const timer = setTimeout(() => finish(new Error(`no answer within ${DEADLINE_MS} ms`)), DEADLINE_MS)
    socket.setEncoding('latin1')
    socket.on('error', finish)
    socket.on('close', () => finish(new Error('the server closed the connection')))
    socket.on('data', (part: string) => {
      text += part
      const replies = parseReplies(text)
      const failed = replies.find((reply) => reply instanceof Error)
      if (failed instanceof Error) finish(failed)
      else if (replies.length === commands.length) finish(undefined, String(replies.at(-1)))
    })
    for (const one of commands) socket.write(encode(one))
  })
}

function encode(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`
}

/** The complete replies at the start of a text (RESP2: +, -, :, $). */
function parseReplies(text: string): readonly (string | Error)[] {
  const replies: (string | Error)[] = []
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at)
    if (end < 0) return replies
    const head = text.slice(at + 1, end)
    const kind = text[at]
    at = end + 2
    if (kind === '-') replies.push(new Error(head))
    else if (kind === '$' && head !== '-1') {
      const after = at + Number(head)
      if (text.length < after + 2) return replies
      replies.push(text.slice(at, after))
      at = after + 2
    } else replies.push(head)
  }
}
