import { cases } from './cases/index.ts'
import { limited } from './limited.ts'
import type { Subject, Target } from './subject.ts'
import { SubjectUnusable } from './subject-unusable.ts'

/** A module that needs longer is not a list of definitions. */
export const IMPORT_MS = 20_000

/** Installing a server counts, too. */
export const START_MS = 180_000

/** Imports the module and checks what it exports. Rejects with SubjectUnusable. */
export async function loadSubject(subjectModule: string): Promise<Subject> {
  const module = await limited(import(subjectModule) as Promise<{ readonly subject?: unknown }>, IMPORT_MS, '').catch(
    (cause: unknown) => {
      const why = messageOf(cause)
      if (why === '')
        throw broken(subjectModule, `hangs: importing it did not end within ${IMPORT_MS} ms; do the work in start()`)
      throw broken(subjectModule, `cannot be imported: ${why}`, cause)
    },
  )
  const { subject } = module
  if (typeof subject !== 'object' || subject === null)
    throw broken(subjectModule, 'must export `const subject: Subject` (see docs/writing-an-adapter.md)')
  return checkedSubject(subject as Subject, subjectModule)
}

/** Checks a subject in hand. Throws SubjectUnusable. */
export function checkedSubject(subject: Subject, where: string): Subject {
  const { name, open, start, deviations = [] } = subject
  if (typeof name !== 'string' || name === '') throw broken(where, '`subject.name` must be the name of the adapter')
  if (typeof open !== 'function')
    throw broken(where, '`subject.open(options)` must be a function: it makes the adapter')
  if (typeof start !== 'function') throw broken(where, '`subject.start()` must be a function: it starts the broker')
  for (const { clause, reason } of deviations) {
    if (!cases.some(({ id }) => id === clause))
      throw broken(where, `deviates from ${clause}, but there is no such clause`)
    if (typeof reason !== 'string' || reason === '') throw broken(where, `deviates from ${clause} without a reason`)
  }
  return subject
}

/** Starts the broker under test. Rejects with SubjectUnusable. */
export async function startTarget(subject: Subject, where: string): Promise<Target> {
  const target = await limited(
    Promise.resolve().then(() => subject.start()),
    START_MS,
    `start() did not end within ${START_MS} ms`,
  ).catch((cause: unknown) => {
    throw new SubjectUnusable(
      'infrastructure',
      `the broker of ${subject.name} did not start: ${messageOf(cause)}`,
      cause,
    )
  })
  if (typeof target !== 'object' || target === null || typeof target[Symbol.asyncDispose] !== 'function')
    throw broken(where, '`start()` must answer a target with options, shared and [Symbol.asyncDispose]()')
  if (typeof target.shared !== 'boolean') throw broken(where, '`shared` of the target must be true or false')
  const { options } = target
  if (options === undefined || JSON.stringify(JSON.parse(JSON.stringify(options))) !== JSON.stringify(options))
    throw broken(where, '`options` of the target must survive JSON: child processes get them that way')
  return target
}

function broken(where: string, what: string, cause?: unknown): SubjectUnusable {
  return new SubjectUnusable('definition', `subject ${where} ${what}`, cause)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
