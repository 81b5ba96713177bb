// expect: 'POWER_ONN'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  mutations: {
    powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ONN'] }, timeout: '120s', run: () => ({ '/physState': 'POWER_ON' }) },
  },
});
