// expect: not assignable
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  mutations: { powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, run: () => ({}) } },
});
