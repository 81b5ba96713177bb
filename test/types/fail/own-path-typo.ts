// expect: '/alarm/sate'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  state: { '/alarm/state': { enum: ['UNKNOWN', 'ARMED', 'OFF'] } },
  mutations: {
    arm: { mutates: { '/alarm/sate': ['OFF', 'ARMED'] }, timeout: '5s', run: () => ({ '/alarm/state': 'ARMED' }) },
  },
});
