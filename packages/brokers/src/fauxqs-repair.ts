/**
 * Loaded with `--import` before fauxqs 2.4 (seam.md 0.7 and 4a). Three repairs:
 * visibility 0 cleared the receive count too, which its own table forbids, so the call failed and the message was in no count until a restart;
 * it listens on every interface with no way to say otherwise;
 * and it refuses every character beyond U+FFFF, which SQS takes (API reference, SendMessage: #x10000 to #x10FFFF).
 */
import { Server } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

interface PersistenceManager {
  readonly db: { prepare(sql: string): { run(...values: readonly string[]): unknown } }
}

const file = pathToFileURL(join(process.env.SWITCHYARD_FAUXQS_DIR ?? '', 'dist', 'persistence.js')).href
const loaded = (await import(file)) as {
  readonly PersistenceManager: { readonly prototype: { updateMessageReady(messageId: string): void } }
}
const target = loaded.PersistenceManager.prototype
if (typeof target.updateMessageReady !== 'function') throw new Error('fauxqs has changed: look at fauxqs-repair again')
target.updateMessageReady = function (this: PersistenceManager, messageId: string): void {
  const sql = 'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?'
  this.db.prepare(sql).run(messageId)
}

const types = pathToFileURL(join(process.env.SWITCHYARD_FAUXQS_DIR ?? '', 'dist', 'sqs', 'sqsTypes.js')).href
const { INVALID_MESSAGE_BODY_CHAR: invalid } = (await import(types)) as { readonly INVALID_MESSAGE_BODY_CHAR: RegExp }
if (!(invalid instanceof RegExp)) throw new Error('fauxqs has changed: look at fauxqs-repair again')
const reallyInvalid = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u
invalid.test = (text) => reallyInvalid.test(text)

const listen = Server.prototype.listen as (this: Server, ...args: readonly unknown[]) => Server
Server.prototype.listen = function (this: Server, ...args: readonly unknown[]): Server {
  const [first, ...rest] = args
  const loopback = typeof first === 'object' && first !== null ? { ...first, host: '127.0.0.1' } : first
  return listen.call(this, loopback, ...rest)
}
