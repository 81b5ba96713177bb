import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../host/core/settings.ts';
import { parseConfig } from '../../host/documents/config.ts';
import { DEFAULT_SYNC } from '../../host/sync/settings.ts';
import configSchema from '../../schemas/config.json' with { type: 'json' };

const PIN = `sha256:${'A'.repeat(43)}`;

test('a configuration is taken as it is, or refused by key', () => {
  const good = (given: object | null) =>
    assert.deepEqual(parseConfig(given, 'kraken.yaml'), { settings: {}, services: {}, sync: {}, ...given });
  good(null);
  good({});
  good({ services: { ipmi: { module: 'ipmi', serves: '@rack=r1', config: { user: 'admin' } } } });
  good({ settings: { afterPowerLoss: 'restore', failureDomains: ['rack'], brakeShare: 0.5 } });
  good({ sync: { listen: ['10.0.0.1', '[::]:31416'], port: 31415, parents: ['head1', 'fd00::1'], runDir: '/run/k', keepKeys: false } });
  good({
    sync: { id: '123e4567-e89b-12d3-a456-426655440000', ca: PIN, tokenFile: '/t', trustKernelToken: true, hello: 1_000, dead: 2_000 },
  });
  const bad = (given: unknown, message: RegExp) => assert.throws(() => parseConfig(given, 'kraken.yaml'), message);
  bad({ service: {} }, /^RefusalError: kraken\.yaml \/service: .*there is no such member.* Did you mean services\?/);
  bad({ services: { ipmi: {} } }, /kraken\.yaml \/services\/ipmi\/module: .*missing/);
  bad({ services: { 'a b': { module: 'x' } } }, /kraken\.yaml \/services/);
  bad({ services: { ipmi: null } }, /kraken\.yaml \/services\/ipmi: .*null/);
  bad({ settings: { afterPowerLoss: 'Restore' } }, /Did you mean restore\?/);
  bad({ settings: { brakeShare: 2 } }, /\/settings\/brakeShare: .* 2 must be <= 1/);
  bad({ settings: { graceleast: 2 } }, /Did you mean graceLeast\?/);
  bad({ sync: { parent: ['head'] } }, /\/sync\/parent: .*Did you mean parents\?/);
  bad({ sync: { token: 'ABCD' } }, /\/sync\/token: .*there is no such member there/);
  bad({ sync: { parents: 'head' } }, /\/sync\/parents: .*a string; an array is needed/);
  bad({ sync: { parents: ['a', 'a'] } }, /\/sync\/parents/);
  bad({ sync: { parents: Array.from({ length: 17 }, (_, i) => `h${i}`) } }, /\/sync\/parents: .*16/);
  bad({ sync: { id: 'kr1' } }, /\/sync\/id: .*not written as it must be.*own node/);
  bad({ sync: { ca: 'abc' } }, /\/sync\/ca: .*not written as it must be.*kraken init/);
  bad({ sync: { port: 0 } }, /\/sync\/port: .* 0 must be >= 1/);
  bad({ sync: { hello: 1 } }, /\/sync\/hello: .* 1 must be >= 50/);
  bad({ sync: { hello: '10s' } }, /\/sync\/hello: .*an integer is needed/);
  bad({ sync: { hello: 10_000, dead: 19_999 } }, /\/sync\/dead: .*19999 is less than 2 times hello \(10000\).*Raise it, or lower hello/);
  bad({ sync: { retryFirst: 2_000, retryMost: 1_000 } }, /\/sync\/retryMost: .*1000 is less than retryFirst/);
  bad({ sync: { resendBeside: 500, resendMost: 400 } }, /\/sync\/resendMost: .*400 is less than resendBeside/);
  bad([], /an array; an object is needed/);
  bad('services', /a string; an object is needed/);
});

test('every setting can be configured, and its default is good', () => {
  assert.deepEqual(Object.keys(configSchema.properties.settings.properties).sort(), Object.keys(DEFAULT_SETTINGS).sort());
  assert.deepEqual(parseConfig({ settings: DEFAULT_SETTINGS }, 'defaults').settings, DEFAULT_SETTINGS);
});

test('every time of sync can be configured, and its default is good; sizes belong to the protocol', () => {
  const { datagram, parts, frame, update, ...times } = DEFAULT_SYNC;
  const others = ['listen', 'port', 'parents', 'id', 'ca', 'tokenFile', 'trustKernelToken', 'runDir', 'selfReboot', 'keepKeys'];
  assert.deepEqual(Object.keys(configSchema.properties.sync.properties).sort(), [...others, ...Object.keys(times)].sort());
  assert.deepEqual(parseConfig({ sync: times }, 'defaults').sync, times);
  assert.ok([datagram, parts, frame, update].every((size) => size > 0));
});
