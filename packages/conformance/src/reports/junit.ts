import type { CaseResult } from '../case.ts'
import type { Report } from '../report.ts'

/** A report as JUnit XML: one suite, one test case per clause; the true outcome is a property, because JUnit has four words only. */
export function junitReport({ subject, results, environment, suite }: Report): string {
  const failures = results.filter((one) => tagOf(one) === 'failure').length
  const errors = results.filter((one) => tagOf(one) === 'error').length
  const skipped = results.filter((one) => tagOf(one) === 'skipped').length
  const head = `name="conformance of ${escaped(subject)}" tests="${results.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" timestamp="${environment.startedAt}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites><testsuite ${head}>`,
    `<properties><property name="suite" value="${suite.digest}"/></properties>`,
    ...results.map(testcase),
    '</testsuite></testsuites>',
    '',
  ].join('\n')
}

function testcase(result: CaseResult): string {
  const { id, title, ms, status, why = '' } = result
  const tag = tagOf(result)
  const inner =
    tag === null
      ? ''
      : `<${tag} type="${status}" message="${escaped(why.split('\n')[0] ?? '')}">${escaped(why)}</${tag}>`
  const outcome = `<properties><property name="outcome" value="${status}"/></properties>`
  return `<testcase classname="conformance" name="${escaped(`${id} ${title}`)}" time="${(ms / 1_000).toFixed(3)}">${outcome}${inner}</testcase>`
}

function tagOf({ status }: CaseResult): 'failure' | 'error' | 'skipped' | null {
  if (status === 'passed') return null
  if (status === 'infra-error') return 'error'
  return status === 'unverified' || status === 'not-applicable' || status === 'deviation' ? 'skipped' : 'failure'
}

function escaped(text: string): string {
  const legal = [...text].filter((one) => {
    const code = one.codePointAt(0) ?? 0
    return (
      code === 9 ||
      code === 10 ||
      (code >= 32 && code !== 0xfffe && code !== 0xffff && !(code >= 0xd800 && code <= 0xdfff))
    )
  })
  return legal.join('').replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)
}
