// expect: no overlap
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  state: { '/bmc/port': { type: 'integer' } },
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: ({ node }) => ({ '/physState': node.cfg['/bmc/port'] === 'one' ? 'POWER_ON' : 'POWER_OFF' }) } },
});
