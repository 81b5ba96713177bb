// expect: 'bcm' does not exist
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  config: { bmc: { type: 'string' } },
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: ({ config }) => ({ '/physState': config.bcm === 'on' ? 'POWER_ON' : 'POWER_OFF' }) } },
});
