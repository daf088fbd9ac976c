import { loadSubject } from './load-subject.ts'
import { manifestJson } from './report.ts'
import { chosenCases } from './run-cases.ts'
import type { RunMessage, RunTask } from './run-messages.ts'
import { sessionOf } from './session.ts'
import { SubjectUnusable } from './subject-unusable.ts'
import { HASTY, PATIENT } from './waits.ts'

const told = (message: RunMessage): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve()
    else process.send(message, () => resolve())
  })

/** The process of its own in which `runIsolated` runs cases: whatever the adapter does to its process, it does here. */
async function main(): Promise<void> {
  const { subjectModule, ids, hasty } = JSON.parse(process.argv[2] ?? '') as RunTask
  const silentFor = (ms: number) => void told({ kind: 'silent', ms })
  await told({ kind: 'importing' })
  const subject = await loadSubject(subjectModule)
  await told({ kind: 'starting', subject: subject.name })
  await using session = await sessionOf(subject, subjectModule, {
    watchProcess: true,
    silentFor,
    patience: hasty ? HASTY : PATIENT,
  })
  for (const one of chosenCases(ids)) {
    await told({ kind: 'case', id: one.id })
    await told({ kind: 'result', result: await session.run(one) })
  }
  await told({
    kind: 'end',
    unusedHooks: session.unusedHooks(),
    brokerVersion: session.brokerVersion,
    manifest: manifestJson(session.manifest()),
  })
}

// The parent is gone, or everything is said.
process.once('disconnect', () => process.exit(0))
main()
  .catch((error: unknown) => {
    if (error instanceof SubjectUnusable) return told({ kind: 'unusable', fault: error.fault, why: error.message })
    throw error
  })
  .then(
    () => process.disconnect?.(),
    (error: unknown) => {
      console.error(error)
      process.exit(70)
    },
  )
