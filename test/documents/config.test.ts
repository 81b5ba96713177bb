import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../../host/core/settings.ts';
import { parseConfig } from '../../host/documents/config.ts';
import configSchema from '../../schemas/config.json' with { type: 'json' };

test('a configuration is taken as it is, or refused by key', () => {
  const good = (given: object | null) => assert.deepEqual(parseConfig(given, 'kraken.yaml'), { settings: {}, services: {}, ...given });
  good(null);
  good({});
  good({ services: { ipmi: { module: 'ipmi', serves: '@rack=r1', config: { user: 'admin' } } } });
  good({ settings: { afterPowerLoss: 'restore', failureDomains: ['rack'], brakeShare: 0.5 } });
  const bad = (given: unknown, message: RegExp) => assert.throws(() => parseConfig(given, 'kraken.yaml'), message);
  bad({ service: {} }, /^RefusalError: kraken\.yaml \/service: .*there is no such member.* Did you mean services\?/);
  bad({ services: { ipmi: {} } }, /kraken\.yaml \/services\/ipmi\/module: .*missing/);
  bad({ services: { 'a b': { module: 'x' } } }, /kraken\.yaml \/services/);
  bad({ services: { ipmi: null } }, /kraken\.yaml \/services\/ipmi: .*null/);
  bad({ settings: { afterPowerLoss: 'Restore' } }, /Did you mean restore\?/);
  bad({ settings: { brakeShare: 2 } }, /\/settings\/brakeShare: .* 2 must be <= 1/);
  bad({ settings: { graceleast: 2 } }, /Did you mean graceLeast\?/);
  bad([], /an array; an object is needed/);
  bad('services', /a string; an object is needed/);
});

test('every setting can be configured, and its default is good', () => {
  assert.deepEqual(Object.keys(configSchema.properties.settings.properties).sort(), Object.keys(DEFAULT_SETTINGS).sort());
  assert.deepEqual(parseConfig({ settings: DEFAULT_SETTINGS }, 'defaults').settings, DEFAULT_SETTINGS);
});
