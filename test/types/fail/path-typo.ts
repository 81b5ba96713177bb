// expect: '/phyState'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  mutations: {
    powerOn: { mutates: { '/phyState': ['POWER_OFF', 'POWER_ON'] }, timeout: '120s', run: () => ({ '/physState': 'POWER_ON' }) },
  },
});
