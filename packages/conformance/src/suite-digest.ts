/** Digest of every case, mutant and what they stand on; `node packages/conformance/src/suite-digest-main.ts` writes it anew. */
export const SUITE_DIGEST = 'sha256:7337e22385e12a5f5c8df53a86e65a13a28c3b79a93222c7194b56ceb6d2895a'
