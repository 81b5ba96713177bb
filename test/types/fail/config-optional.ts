// expect: possibly 'undefined'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  config: { proxy: { type: 'string', 'x-optional': true } },
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: ({ config }) => ({ '/physState': config.proxy.length > 1 ? 'POWER_ON' : 'POWER_OFF' }) } },
});
