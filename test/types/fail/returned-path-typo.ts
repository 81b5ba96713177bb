// expect: '/phyState'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: async () => ({ '/phyState': 'POWER_ON' }) } },
});
