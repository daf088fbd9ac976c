/** Digest of every case, mutant and what they stand on; `node packages/conformance/src/suite-digest-main.ts` writes it anew. */
export const SUITE_DIGEST = 'sha256:0116304b2a23c7c5416a1352bb95754a97576eb084ca619d4f6f44611cfd975b'
