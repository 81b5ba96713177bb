// expect: 'toFixed' does not exist on type 'string'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  config: { bmc: { type: 'string' } },
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: ({ config }) => ({ '/physState': config.bmc.toFixed() === '1' ? 'POWER_ON' : 'POWER_OFF' }) } },
});
