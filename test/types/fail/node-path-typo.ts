// expect: '/bmc/prot'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  state: { '/bmc/port': { type: 'integer' } },
  pollers: { power: { discovers: ['/physState'], every: '5s', poll: ({ node }) => ({ '/physState': node.cfg['/bmc/prot'] === 1 ? 'POWER_ON' : 'POWER_OFF' }) } },
});
