// expect: not assignable
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  pollers: { power: { discovers: ['/physState'], every: 5, poll: () => ({ '/physState': 'POWER_ON' }) } },
});
