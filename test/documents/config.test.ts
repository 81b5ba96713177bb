import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../host/documents/config.ts';

test('a configuration is taken as it is, or refused by key', () => {
  const good = (given: unknown) => assert.deepEqual(parseConfig(given, 'kraken.yaml'), given ?? {});
  good(null);
  good({});
  good({ node: { nodename: 'head' }, services: { ipmi: { module: 'ipmi', serves: '@rack=r1', config: { user: 'admin' } } } });
  good({ afterPowerLoss: 'restore', failureDomains: ['rack'], control: { group: 'ops' }, log: { level: 'debug' } });
  const bad = (given: unknown, message: RegExp) => assert.throws(() => parseConfig(given, 'kraken.yaml'), message);
  bad({ service: {} }, /^RefusalError: kraken\.yaml \/service: .*there is no such member.* Did you mean services\?/);
  bad({ services: { ipmi: {} } }, /kraken\.yaml \/services\/ipmi\/module: .*missing/);
  bad({ services: { 'a b': { module: 'x' } } }, /kraken\.yaml \/services/);
  bad({ services: { ipmi: null } }, /kraken\.yaml \/services\/ipmi: .*null/);
  bad({ afterPowerLoss: 'Restore' }, /Did you mean restore\?/);
  bad([], /an array; an object is needed/);
  bad('services', /a string; an object is needed/);
});
