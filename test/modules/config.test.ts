/** A service's config: checked, referenced secrets read, no secret in any sentence. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { checkConfig, hasSecrets, resolveConfig, scrubber } from '../../host/modules/config.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraken-config-'));
const file = join(dir, 'password');
writeFileSync(file, 'open sesame\n');
writeFileSync(join(dir, 'big'), 'x'.repeat(65 * 1024));
process.env.KRAKEN_TEST_SECRET = 'from the environment';
after(() => rmSync(dir, { recursive: true }));

const SCHEMAS: Json = {
  bmc: { type: 'string', format: 'uri' },
  user: { type: 'string', default: 'admin' },
  port: { type: 'integer', minimum: 1, 'x-optional': true },
  cipher: { enum: [3, 17], default: 17 },
  password: { type: 'string', minLength: 4, 'x-secret': true, 'x-optional': true },
  racks: {
    type: 'object',
    additionalProperties: { type: 'object', properties: { password: { type: 'string', 'x-secret': true } }, additionalProperties: false },
    default: {},
  },
};
const bmc = 'http://10.0.0.7';

async function check(config: Json): Promise<readonly string[]> {
  return checkConfig('ipmi', SCHEMAS, await resolveConfig('ipmi', config));
}

const GOOD: readonly [config: Json, secrets: readonly string[]][] = [
  [{ bmc }, []],
  [{ bmc, password: 'hunter22' }, ['hunter22']],
  [{ bmc, password: { file } }, ['open sesame']],
  [{ bmc, password: { env: 'KRAKEN_TEST_SECRET' } }, ['from the environment']],
  [{ bmc, racks: { r1: { password: { file } }, r2: { password: 'inline' } } }, ['open sesame', 'inline']],
];
for (const [config, secrets] of GOOD) {
  test(`accepted: ${JSON.stringify(config).replace(dir, '')}`, async () => assert.deepEqual(await check(config), secrets));
}

const BAD: readonly [config: Json, why: string][] = [
  ['x', 'it is not an object'],
  [{}, '/bmc is missing'],
  [{ bmc: 7 }, '/bmc must be string'],
  [{ bmc: 'not a uri' }, '/bmc must match format "uri"'],
  [{ bmc, port: 0 }, '/port must be >= 1'],
  [{ bmc, cipher: 4 }, '/cipher must be one of [3,17]'],
  [{ bmc, pasword: 'hunter22' }, "/pasword is no key of this module's config"],
  [{ bmc, password: 'abc' }, '/password must NOT have fewer than 4 characters'],
  [{ bmc, password: 12345678 }, '/password must be string'],
  [{ bmc: { env: 'KRAKEN_TEST_SECRET' } }, '/bmc refers to a file or the environment; only what the module marks as secret may'],
  [{ bmc, password: { file: 'password' } }, 'the file password is not an absolute path'],
  [{ bmc, password: { file: `${dir}/none` } }, `the file ${dir}/none cannot be read (ENOENT)`],
  [{ bmc, password: { file: `${dir}/big` } }, `the file ${dir}/big has 66560 bytes; at most 65536 are read`],
  [{ bmc, password: { env: 'KRAKEN_TEST_NONE' } }, 'there is no environment variable KRAKEN_TEST_NONE'],
];
for (const [config, why] of BAD) {
  test(`refused: ${why.replace(dir, '')}`, async () => {
    await assert.rejects(check(config), (error: unknown) => {
      assert.ok(error instanceof RefusalError);
      assert.ok(error.refusal.why.includes(why), error.refusal.why);
      for (const secret of ['hunter22', '12345678', 'open sesame', 'from the environment']) assert.ok(!error.message.includes(secret));
      return true;
    });
  });
}

test("a schema that is none is the module's fault", async () => {
  await assert.rejects(
    checkConfig('ipmi', { bmc: { type: 'strng' } }, { config: { bmc }, references: [], read: [] }),
    /the schema of its config is refused/,
  );
});

test('secrets are taken out of text, longest first, short ones left', () => {
  const scrub = scrubber(['sesame', 'open sesame', 'abc']);
  assert.equal(scrub('login with "open sesame", then sesame; abc'), 'login with "***", then ***; abc');
  assert.equal(hasSecrets(SCHEMAS), true);
  assert.equal(hasSecrets({ bmc: { type: 'string' } }), false);
});
