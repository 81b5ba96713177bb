// expect: 'PHYS_HUNG'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  mutations: {
    powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '120s', failTo: { '/physState': 'PHYS_HUNG' }, run: () => ({ '/physState': 'POWER_ON' }) },
  },
});
