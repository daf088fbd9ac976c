import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

/** Tells what was loaded, and why the rung was refused. Port 9 (discard) is closed on any machine of today. */
const PROGRAM = `
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({
    load(url, context, next) {
      if (url.includes('/testcontainers')) loaded.push(url)
      return next(url, context)
    },
  })
  const { startBroker } = await import('@switchyard/brokers')
  const error = await startBroker('redis', { rung: 'docker' }).catch((thrown) => thrown)
  const without = loaded.length
  await import('testcontainers')
  console.log(JSON.stringify({ failures: error.failures, without, with: loaded.length }))
`

it('testcontainers is installed here and yet not loaded while no engine answers', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    cwd: import.meta.dirname,
    env: { ...process.env, DOCKER_HOST: 'tcp://127.0.0.1:9' },
  })
  const { failures, ...loads } = JSON.parse(stdout) as { failures: unknown; without: number; with: number }
  expect(failures).toEqual([{ rung: 'docker', reason: expect.stringMatching(/^no engine: .*ECONNREFUSED/) }])
  expect(loads.without).toBe(0)
  expect(loads.with).toBeGreaterThan(0)
})
