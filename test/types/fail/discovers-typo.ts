// expect: '/physicalState'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  pollers: { power: { discovers: ['/physicalState'], every: '5s', poll: () => ({ '/physState': 'POWER_ON' }) } },
});
