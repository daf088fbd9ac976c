import { defineConfig } from 'vitest/config'

/**
 * Projects by cost: `rooms` reads the sources and `unit` needs nothing; `brokers` starts real servers (scripts/test.mjs
 * provisions them first).
 */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'rooms', include: ['scripts/rooms.test.ts'] } },
      {
        test: {
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts', 'scripts/**/*.test.ts', 'docs/examples/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/templates/**', 'scripts/rooms.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'brokers',
          include: ['packages/**/test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
