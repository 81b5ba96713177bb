// expect: 'ARMEDD'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  state: { '/alarm/state': { enum: ['UNKNOWN', 'ARMED', 'OFF'] } },
  mutations: {
    arm: { mutates: { '/alarm/state': ['OFF', 'ARMEDD'] }, timeout: '5s', run: () => ({ '/alarm/state': 'ARMED' }) },
  },
});
