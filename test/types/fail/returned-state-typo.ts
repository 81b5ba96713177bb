// expect: 'ON'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: () => ({ '/physState': 'ON' }) } },
});
